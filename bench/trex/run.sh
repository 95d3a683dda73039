#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Runs one measurement against a TRex server (server.sh).
#
#   run.sh [options] WHAT [-- options of ndr.py or connections.py]
#
#   stateless server:
#     rfc2544     no-drop rate by binary search, for each frame size
#     imix        the same for 64/594/1518 bytes as 7:4:1
#     flows       the same for each number of flows, 64 bytes
#     newflows    the same where every packet opens a flow; then with DNS queries
#     latency     each frame size at --rate per cent, with time-stamped packets
#   server with --astf:
#     emix        captures of applications, at multiplier --mult
#     connections highest rate of short connections without a failure: HTTP, plain TCP, DNS
#
#   --server HOST      where TRex runs (127.0.0.1)
#   --sizes LIST       64,128,256,512,1024,1280,1518
#   --flows LIST       1000; for `flows` 1000,100000,1000000
#   --rate P           latency: per cent of the line rate (50: take half of the no-drop rate)
#   --mult N           emix: 1 is 1 Gbit/s (1)
#   --search L,H       connections: multipliers to search between (1000,2000000)
#   --dry-run          print the commands, do nothing
#   -h, --help
#
# TREX names the folder of the TRex release: its Python library, its captures.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }
die() { printf 'run.sh: %s\n' "$*" >&2; exit 2; }

server=127.0.0.1 sizes=64,128,256,512,1024,1280,1518 flows='' rate=50 mult=1 search=1000,2000000
dry='' what='' status=0
while [ $# -gt 0 ]; do
  case "$1" in
    --server) server=${2:?}; shift 2 ;;
    --sizes) sizes=${2:?}; shift 2 ;;
    --flows) flows=${2:?}; shift 2 ;;
    --rate) rate=${2:?}; shift 2 ;;
    --mult) mult=${2:?}; shift 2 ;;
    --search) search=${2:?}; shift 2 ;;
    --dry-run) dry=1; shift ;;
    -h | --help) usage; exit 0 ;;
    --) shift; break ;;
    -*) die "unknown option $1 (--help)" ;;
    *) [ -z "$what" ] || die "one measurement, not two"; what=$1; shift ;;
  esac
done
[ -n "$what" ] || { usage >&2; exit 2; }
more=("$@")
trex=${TREX:-}
[ -n "$dry" ] || [ -d "$trex/automation" ] || die "TREX: the folder of the TRex release"
export PYTHONPATH=$trex/automation/trex_control_plane/interactive${PYTHONPATH:+:$PYTHONPATH}

# PROGRAM PROFILE TUNABLES [OPTIONS...]
measure() {
  local program=$1 profile=$2 tunables=$3
  shift 3
  local command=(python3 "$here/$program" "$here/$profile" -t "$tunables" --server "$server" "$@" "${more[@]}")
  printf '%q ' "${command[@]}"; echo
  [ -n "$dry" ] || "${command[@]}"
}

IFS=, read -r -a size_list <<<"$sizes"
IFS=, read -r -a flow_list <<<"${flows:-1000}"
case "$what" in
  rfc2544)
    for size in "${size_list[@]}"; do measure ndr.py stl/udp.py "size=$size,flows=${flow_list[0]}"; done ;;
  imix)
    measure ndr.py stl/imix.py "flows=${flow_list[0]}" ;;
  flows)
    [ -n "$flows" ] || flow_list=(1000 100000 1000000)
    for count in "${flow_list[@]}"; do measure ndr.py stl/udp.py "size=64,flows=$count"; done ;;
  newflows)
    for kind in plain dns; do measure ndr.py stl/new_flows.py "kind=$kind"; done ;;
  latency)
    for size in "${size_list[@]}"; do
      measure ndr.py stl/latency.py "size=$size,flows=${flow_list[0]}" --rate "$rate"
    done ;;
  emix)
    measure connections.py astf/emix.py "caps=$trex/avl" --mult "$mult" ;;
  connections)
    for kind in http tcp dns; do
      measure connections.py astf/new_flows.py "kind=$kind" --search "$search" || status=1
    done ;;
  *) die "no measurement '$what' (--help)" ;;
esac
exit $status

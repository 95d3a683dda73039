#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Runs Sluice between a generator's ports: one of the kits' configurations with
# this machine's devices, lcores and MAC addresses put in.
#
#   sluice.sh [options] CONFIG.toml [-- options of sluice]
#
#   --lan PCI, --wan PCI      ports or VFs, bound to vfio-pci   ($SLUICE_LAN, $SLUICE_WAN)
#   --lcores LIST             one lane on each: 2,3,4           ($SLUICE_LCORES, default 2)
#   --lan-mac MAC             routed: the generator's MAC on that side ($SLUICE_LAN_MAC)
#   --wan-mac MAC             the same                                 ($SLUICE_WAN_MAC)
#   --flows N                 capacity of each lane's flow table       (else the file's)
#   --check                   `sluice check` instead of `sluice run`
#   --dry-run                 print the command, do nothing
#   -h, --help
#
# SLUICE names the binary (default: build-release/app/sluice, else in PATH).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }
die() { printf 'sluice.sh: %s\n' "$*" >&2; exit 2; }

lan=${SLUICE_LAN:-} wan=${SLUICE_WAN:-} lcores=${SLUICE_LCORES:-2} flows='' verb=run dry=''
lan_mac=${SLUICE_LAN_MAC:-} wan_mac=${SLUICE_WAN_MAC:-} config=''
while [ $# -gt 0 ]; do
  case "$1" in
    --lan) lan=${2:?}; shift 2 ;;
    --wan) wan=${2:?}; shift 2 ;;
    --lcores) lcores=${2:?}; shift 2 ;;
    --lan-mac) lan_mac=${2:?}; shift 2 ;;
    --wan-mac) wan_mac=${2:?}; shift 2 ;;
    --flows) flows=${2:?}; shift 2 ;;
    --check) verb=check; shift ;;
    --dry-run) dry=1; shift ;;
    -h | --help) usage; exit 0 ;;
    --) shift; break ;;
    -*) die "unknown option $1 (--help)" ;;
    *) [ -z "$config" ] || die "one configuration, not two"; config=$1; shift ;;
  esac
done
[ -n "$config" ] || { usage >&2; exit 2; }
[ -r "$config" ] || die "cannot read $config"
[[ -n $lan && -n $wan ]] || die "--lan and --wan: which devices?"

sets=(--set "port[0].device=$lan" --set "port[1].device=$wan")
IFS=, read -r -a lcore <<<"$lcores"
for i in "${!lcore[@]}"; do sets+=(--set "lane[$i].lcore=${lcore[$i]}"); done
[ -z "$flows" ] || sets+=(--set "flowtable.capacity=$flows")
# The routed configurations have the generator's two legs as neighbours 0 and 1.
[ -z "$lan_mac" ] || sets+=(--set "stage.forwarding.neighbour[0].mac=$lan_mac")
[ -z "$wan_mac" ] || sets+=(--set "stage.forwarding.neighbour[1].mac=$wan_mac")

sluice=${SLUICE:-$here/../../build-release/app/sluice}
[ -x "$sluice" ] || sluice=sluice
command=("$sluice" "$verb" -c "$config" "${sets[@]}" "$@")
printf '%q ' "${command[@]}"; echo
[ -n "$dry" ] || exec "${command[@]}"

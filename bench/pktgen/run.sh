#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Runs one profile of this folder in Pktgen-DPDK.
#
#   run.sh [options] PROFILE       rfc2544 imix flows newflows latency
#
#   --ports PCI,PCI       port 0 (Sluice's lan side) and port 1        ($PKTGEN_PORTS)
#   --lcores M,RX:TX,RX:TX  Pktgen's own, then of port 0, of port 1    ($PKTGEN_LCORES,
#                         default 1,2:3,4:5); several as 2-3:4-7
#   --dst-macs MAC,MAC    whom port 0 and port 1 send to               ($PKTGEN_DST_MACS)
#                         wire: the MAC of port 1, of port 0; routed: of Sluice's lan, wan
#   --sizes LIST          frame sizes with FCS, default RFC 2544's seven
#   --flows LIST          1000; or 1000,100000,1000000 for the profile flows
#   --trial S             a trial (10)        --confirm S   the last one (60)
#   --precision P         per cent of the line rate (0.2)
#   --loss P              per cent of packets that may be lost (0)
#   --load P              latency: per cent of the line rate (50)
#   --flows-by HOW        auto, range, random: see README.md
#   --oneway              only port 0 sends
#   --out FILE            results are appended as CSV (pktgen-results.csv)
#   --dry-run             print the command, do nothing
#   -h, --help
#
# PKTGEN names the binary (default: pktgen in PATH). As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }
die() { printf 'run.sh: %s\n' "$*" >&2; exit 2; }

ports=${PKTGEN_PORTS:-} lcores=${PKTGEN_LCORES:-1,2:3,4:5} macs=${PKTGEN_DST_MACS:-} dry='' profile=''
settings=()
while [ $# -gt 0 ]; do
  case "$1" in
    --ports) ports=${2:?}; shift 2 ;;
    --lcores) lcores=${2:?}; shift 2 ;;
    --dst-macs) macs=${2:?}; shift 2 ;;
    --sizes) settings+=("KIT_SIZES=${2:?}"); shift 2 ;;
    --flows) settings+=("KIT_FLOWS=${2:?}"); shift 2 ;;
    --trial) settings+=("KIT_TRIAL_S=${2:?}"); shift 2 ;;
    --confirm) settings+=("KIT_CONFIRM_S=${2:?}"); shift 2 ;;
    --precision) settings+=("KIT_PRECISION=${2:?}"); shift 2 ;;
    --loss) settings+=("KIT_LOSS=${2:?}"); shift 2 ;;
    --load) settings+=("KIT_LOAD=${2:?}"); shift 2 ;;
    --flows-by) settings+=("KIT_FLOWS_BY=${2:?}"); shift 2 ;;
    --oneway) settings+=("KIT_ONEWAY=yes"); shift ;;
    --out) settings+=("KIT_OUT=${2:?}"); shift 2 ;;
    --dry-run) dry=1; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) die "unknown option $1 (--help)" ;;
    *) [ -z "$profile" ] || die "one profile, not two"; profile=$1; shift ;;
  esac
done
[ -n "$profile" ] || { usage >&2; exit 2; }
script=$here/$profile.lua
[[ $profile != kit && -r $script ]] || die "no profile '$profile' (rfc2544 imix flows newflows latency)"

IFS=, read -r -a port <<<"$ports"
[ ${#port[@]} -eq 2 ] || die "--ports: two PCI addresses, 'A,B'"
IFS=, read -r -a lcore <<<"$lcores"
[ ${#lcore[@]} -eq 3 ] || die "--lcores: MAIN,RX:TX,RX:TX"
IFS=, read -r -a mac <<<"$macs"
settings+=("KIT_DST_MAC_A=${mac[0]:-}" "KIT_DST_MAC_B=${mac[1]:-}")

# EAL's list of lcores is the matrix's with commas for the colons.
all=${lcore[0]},${lcore[1]/:/,},${lcore[2]/:/,}
command=(env "LUA_PATH=$here/?.lua;;" "${settings[@]}" "${PKTGEN:-pktgen}"
  -l "${all//\//,}" -n 4 --file-prefix sluice-pktgen -a "${port[0]}" -a "${port[1]}" --
  -P -m "[${lcore[1]}].0" -m "[${lcore[2]}].1" -f "$script")
printf '%q ' "${command[@]}"; echo
[ -n "$dry" ] || exec "${command[@]}"

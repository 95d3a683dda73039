#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Writes TRex's configuration for two ports and starts its server.
#
#   server.sh [options]
#
#   --astf                stateful mode (default: stateless)
#   --ports PCI,PCI       port 0 (Sluice's lan side) and port 1        ($TREX_PORTS)
#   --macs MAC,MAC        their own MAC addresses                      ($TREX_MACS)
#   --dut-macs MAC,MAC    routed: Sluice's lan and wan. Without it, a wire: the ports
#                         send to each other                           ($TREX_DUT_MACS)
#   --lcores M,L,W,W...   master, latency, workers; all on the ports' NUMA node
#                         ($TREX_LCORES, default 0,1,2,3)
#   --socket N            that node (0)
#   --software            virtual functions: TRex counts in software what their filters can't
#   --config FILE         where to write it (trex_cfg.yaml here)
#   --dry-run             print configuration and command, do nothing
#   -h, --help
#
# TREX names the folder of the TRex release (with t-rex-64). As root.
set -euo pipefail

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }
die() { printf 'server.sh: %s\n' "$*" >&2; exit 2; }

mode=() ports=${TREX_PORTS:-} macs=${TREX_MACS:-} dut=${TREX_DUT_MACS:-} dry=''
lcores=${TREX_LCORES:-0,1,2,3} socket=0 config=trex_cfg.yaml
while [ $# -gt 0 ]; do
  case "$1" in
    --astf) mode+=(--astf); shift ;;
    --ports) ports=${2:?}; shift 2 ;;
    --macs) macs=${2:?}; shift 2 ;;
    --dut-macs) dut=${2:?}; shift 2 ;;
    --lcores) lcores=${2:?}; shift 2 ;;
    --socket) socket=${2:?}; shift 2 ;;
    --software) mode+=(--software); shift ;;
    --config) config=${2:?}; shift 2 ;;
    --dry-run) dry=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown argument $1 (--help)" ;;
  esac
done

pair() { # NAME VALUE: two fields into the array `both`
  IFS=, read -r -a both <<<"$2"
  [ ${#both[@]} -eq 2 ] || die "$1: two values, 'A,B'"
}
pair --ports "$ports"; port=("${both[@]#0000:}")
pair --macs "$macs"; mac=("${both[@]}")
to=("${mac[1]}" "${mac[0]}")
if [ -n "$dut" ]; then pair --dut-macs "$dut"; to=("${both[@]}"); fi
IFS=, read -r -a lcore <<<"$lcores"
[ ${#lcore[@]} -ge 3 ] || die "--lcores: MASTER,LATENCY,WORKER..."
workers=("${lcore[@]:2}")

yaml="- version: 2
  interfaces: ['${port[0]}', '${port[1]}']
  c: ${#workers[@]}
  port_info:
    - dest_mac: '${to[0]}'
      src_mac: '${mac[0]}'
    - dest_mac: '${to[1]}'
      src_mac: '${mac[1]}'
  platform:
    master_thread_id: ${lcore[0]}
    latency_thread_id: ${lcore[1]}
    dual_if:
      - socket: $socket
        threads: [$(IFS=,; echo "${workers[*]}")]"
command=(./t-rex-64 -i -c "${#workers[@]}" --cfg "$(realpath -m "$config")" "${mode[@]}")
if [ -n "$dry" ]; then
  printf '%s\n' "$yaml" "${command[*]}"
  exit 0
fi
[ -x "${TREX:-}/t-rex-64" ] || die "TREX: the folder with t-rex-64"
printf '%s\n' "$yaml" >"$config"
cd "$TREX"
exec "${command[@]}"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Four services as containers beside Sluice, on this machine: client and server
# with nothing between them, with four namespaces of nftables joined by veth or by
# VXLAN, with Sluice, and with testpmd in Sluice's place. Round trip, packets a
# second, cycles a packet, one TCP connection. Needs root and two CPUs; leaves
# nothing behind. Waits a minute for a quiet machine before each measurement, then
# goes on and says so.
#
#   bench/overlay/run.sh                     5 rounds (about 9 minutes)
#   bench/overlay/run.sh --quick             3 short rounds (about 3 minutes)
#   bench/overlay/run.sh --json FILE         the figures as JSON too
#   bench/overlay/run.sh --help
#
# From the environment: BUILD, a build folder to use instead of build-release.
# What is compared and how to read it: bench/overlay/README.md
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
CALLED_FROM=$PWD
cd "$HERE/../.."

usage() { sed -n '5,20s/^# \{0,1\}//p' "$HERE/run.sh"; }
say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'overlay: %s\n' "$*" >&2; exit 1; }

ROUNDS=5 SECONDS_EACH=3 QUIET_PATIENCE=60 JSON='' RULES=100
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) ROUNDS=3 SECONDS_EACH=1 QUIET_PATIENCE=5 ;;
    --json) [ $# -ge 2 ] || { usage >&2; exit 2; }; JSON=$(cd "$CALLED_FROM" && realpath -m "$2"); shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

[ -z "$JSON" ] || : >"$JSON" || die "cannot write $JSON"
[ "$(id -u)" = 0 ] || die "network namespaces need root"
[ "$(nproc)" -ge 2 ] || die "two CPUs are needed: one for the ends, one for what is between them"
app/install-deps.sh --bench >&2
BUILD=${BUILD:-build-release}
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" --buildtype=release >&2
ninja -C "$BUILD" app/sluice bench/overlay/udp_load >&2
SLUICE=$(realpath "$BUILD/app/sluice") UDP_LOAD=$(realpath "$BUILD/bench/overlay/udp_load")

ID=slo$$   # every namespace's name begins so
WORK=$(mktemp -d "${TMPDIR:-/tmp}/sluice-overlay-XXXXXX")
export RUNTIME_DIRECTORY=$WORK   # where DPDK's EAL leaves its files
. "$HERE/network.sh"
. "$HERE/middle.sh"
. "$HERE/measure.sh"

clean_up() {
  local status=$?
  trap '' INT TERM
  set +e
  case "$status" in
    0 | 130) ;;
    *) tail -n 5 "$WORK/middle.log" "$WORK/server.log" >&2 2>/dev/null ;;
  esac
  stop_server
  kill_middle
  remove_networks
  rm -rf "$WORK"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
trap '' PIPE   # testpmd may end before it has read its orders

say "networks"
python3 "$HERE/rules.py" nft "$RULES" >"$WORK/rules.nft"
set_up_direct
set_up_veth4
set_up_vxlan4
set_up_box
SETUPS=(direct veth4 vxlan4 sluice testpmd)
if af_xdp_works; then
  SETUPS+=(sluice_xdp testpmd_xdp)
else
  say "no AF_XDP: $(cat "$WORK/no-xdp")"
fi
describe_interfaces >"$WORK/interfaces"

# Interleaved, and each round begins with another one, so that nothing that
# changes with time favours any.
for ((round = 1; round <= ROUNDS; ++round)); do
  for ((i = 0; i < ${#SETUPS[@]}; ++i)); do
    setup=${SETUPS[(i + round - 1) % ${#SETUPS[@]}]}
    say "round $round of $ROUNDS: $setup"
    measure "$setup" "$round"
  done
done

python3 "$HERE/report.py" "$WORK" "$RULES" ${JSON:+"$JSON"}

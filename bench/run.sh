#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Builds Sluice in release and measures it: the parts (flow table, each stage)
# with Google Benchmark, then the whole chain beside its floor. Prints tables,
# writes out/bench/report.json and plots (SVG).
#
#   bench/run.sh             everything (about 5 minutes)
#   bench/run.sh --quick     the chain at 1 k and 100 k flows, short repetitions
#   bench/run.sh chain       only the chain; also: flowtable identity dpi firewall forwarding
#
# Cores should be idle: nothing here waits for a quiet machine, and ratios in one
# run are worth more than absolute figures. Two cores are used.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }

parts=(flowtable identity signature firewall forwarding)
chain=1 quick=
for argument in "$@"; do
  case "$argument" in
    --quick) quick=1 parts=() ;;
    chain) parts=() ;;
    dpi) parts=(signature) chain= ;;
    flowtable | identity | firewall | forwarding) parts=("$argument") chain= ;;
    *) sed -n '5,16s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done

declare -A program=(
  [flowtable]=bench/flowtable_bench [identity]=stages/identity/identity_bench
  [signature]=bench/signature_bench [firewall]=bench/firewall_bench
  [forwarding]=stages/forwarding/forwarding_bench
)

app/install-deps.sh --bench
out=out/bench
mkdir -p $out
rm -f $out/*.json
[ -f build-release/build.ninja ] || meson setup build-release --buildtype=release
targets=()
for part in "${parts[@]}"; do targets+=("${program[$part]}"); done
[ -n "$chain" ] && targets+=(bench/chain_bench)
ninja -C build-release "${targets[@]}"

for part in "${parts[@]}"; do
  say "$part"
  "build-release/${program[$part]}" --benchmark_out="$out/$part.json" \
    --benchmark_out_format=json --benchmark_counters_tabular=true
done
if [ -n "$chain" ]; then
  say "chain"
  if [ -n "$quick" ]; then
    build-release/bench/chain_bench --flows 1000,100000 --rounds 3 --ms 100 > $out/chain.json
  else
    build-release/bench/chain_bench > $out/chain.json
  fi
fi
python3 bench/report.py $out

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# The guard of the fast path: counts the instructions of a packet of a decided
# flow through the whole chain (callgrind, which sees a CPU without AVX-512, so
# everybody counts the x86-64-v3 path) and fails if they are more than 10 % above
# bench/instructions.budget. Instructions, not time: the same on any machine,
# loaded or not. Seconds.
#
#   bench/instructions.sh              compare with the budget
#   bench/instructions.sh --parts      and say which function takes how many
#   bench/instructions.sh --record     write what is measured into the budget
#
# From the environment: BUILD, a release build folder (default: build-release).
# Exit code 77: cannot be measured here.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' bench/instructions.sh; }
skip() { echo "instructions: SKIPPED: $*" >&2; exit 77; }

parts='' record=''
for option in "$@"; do
  case "$option" in
    --parts) parts=1 ;;
    --record) record=1 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

FLOWS=1000 POLLS=1000 MARGIN=10   # percent
BUDGET=bench/instructions.budget
BUILD=${BUILD:-build-release}
command -v valgrind >/dev/null || skip "valgrind is not installed (app/install-deps.sh --tests)"
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" --buildtype=release
ninja -C "$BUILD" -t query bench/chain_instructions >/dev/null 2>&1 ||
  skip "$BUILD has no benchmarks (meson configure -Dbenchmarks=true $BUILD)"
ninja -C "$BUILD" bench/chain_instructions >/dev/null || { echo "instructions: does not build" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
valgrind --tool=callgrind --toggle-collect='sluice::bench::measured*' \
  --callgrind-out-file="$work/out" "$BUILD/bench/chain_instructions" $FLOWS $POLLS \
  >"$work/printed" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
packets=$(awk '/ packets$/ {print $1}' "$work/printed")
[ "${packets:-0}" -gt 0 ] || { echo "instructions: no packet was counted" >&2; exit 1; }
callgrind_annotate --threshold=100 "$work/out" >"$work/functions"

# The benchmark's own ports are no part of the chain.
read -r chain ports < <(awk -v packets="$packets" '
  /\(.*%\)/ && !/PROGRAM TOTALS/ {
    n = $1; gsub(",", "", n)
    if (/:sluice::bench::/) ports += n; else chain += n
  }
  END { printf "%.1f %.1f\n", chain / packets, ports / packets }' "$work/functions")

# Compilers differ by more than the guard's margin: each has its own budget.
compiler=$(c++ -dM -E -x c++ /dev/null | awk '
  $2 == "__clang_major__" {clang = $3} $2 == "__GNUC__" {gcc = $3}
  END {print clang ? "clang-" clang : "gcc-" gcc}')

if [ -n "$parts" ]; then
  printf '%12s  %s\n' 'instructions' 'function (a packet of a decided flow)'
  awk -v packets="$packets" '
    /\(.*%\)/ && !/PROGRAM TOTALS/ {
      n = $1; gsub(",", "", n)
      name = $0; sub(/^[^)]*%\) */, "", name); sub(/^[^:]*:/, "", name)
      sub(/ \[[^\]]*\]$/, "", name); sub(/\(.*$/, "", name)
      if (n / packets >= 0.05) printf "%12.1f  %s\n", n / packets, name
    }' "$work/functions"
fi

echo "instructions a packet: $chain in the chain (and $ports in the benchmark's ports), $compiler"
if [ -n "$record" ]; then
  { grep -v "^$compiler " $BUDGET 2>/dev/null || true; echo "$compiler $chain"; } >"$work/budget"
  cp "$work/budget" $BUDGET
  echo "recorded in $BUDGET"
  exit 0
fi
budget=$(awk -v c="$compiler" '$1 == c {print $2}' $BUDGET)
[ -n "$budget" ] || skip "no budget for $compiler in $BUDGET (add one: bench/instructions.sh --record)"
if awk -v a="$chain" -v b="$budget" -v m=$MARGIN 'BEGIN {exit !(a > b * (1 + m / 100))}'; then
  cat >&2 <<TEXT
instructions: $chain a packet of a decided flow, the budget is $budget: more than $MARGIN % above.
  Which function grew: bench/instructions.sh --parts, here and on the commit before.
  Then take the instructions out again, or, if they are worth it, raise the budget
  (bench/instructions.sh --record) in the same commit and say in its message why.
TEXT
  exit 1
fi
if awk -v a="$chain" -v b="$budget" -v m=$MARGIN 'BEGIN {exit !(a < b * (1 - m / 100))}'; then
  echo "That is more than $MARGIN % below the budget of $budget: record it (--record), so that it stays."
else
  echo "The budget is $budget."
fi

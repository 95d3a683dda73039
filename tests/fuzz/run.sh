#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Builds the libFuzzer targets in build-fuzz (clang, AddressSanitizer,
# UndefinedBehaviourSanitizer) and runs each for SECONDS, two at a time.
#
#   tests/fuzz/run.sh SECONDS [TARGET...]     e.g. tests/fuzz/run.sh 3600 parse
#
# What is found is kept: new inputs in build-fuzz/corpus/TARGET, an input that
# crashes in build-fuzz/crashes/TARGET-*. A crash worth remembering belongs, once
# it is mended, into tests/fuzz/seeds/TARGET/, from where every run takes it.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:?usage: tests/fuzz/run.sh SECONDS [TARGET...]}
shift
folder=build-fuzz

if [ ! -f $folder/build.ninja ]; then
  mkdir -p $folder
  cache=$(command -v ccache || true)
  CC="$cache clang" CXX="$cache clang++" meson setup $folder --buildtype=debugoptimized -Dfuzz=true \
    -Dbenchmarks=false -Db_sanitize=address,undefined -Db_lundef=false \
    -Dcpp_args=-fsanitize=fuzzer-no-link >$folder/setup.log 2>&1 || { cat $folder/setup.log; exit 1; }
fi
ninja -C $folder ${SLUICE_JOBS:+-j "$SLUICE_JOBS"} fuzz >$folder/build.log 2>&1 ||
  { tail -60 $folder/build.log; exit 1; }

python3 tests/fuzz/seeds.py $folder/seeds
mkdir -p $folder/crashes
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

if [ $# -eq 0 ]; then
  for program in "$folder"/tests/fuzz/*_fuzz; do
    name=${program##*/}
    set -- "$@" "${name%_fuzz}"
  done
fi

# one TARGET SECONDS FOLDER
one() {
  local target=$1 folder=$3 known status=0 runs cover seeds=()
  local corpus=$folder/corpus/$target log=$folder/$target.log
  mkdir -p "$corpus"
  for known in "$folder/seeds/$target" "tests/fuzz/seeds/$target"; do
    [ -d "$known" ] && seeds+=("$known")
  done
  "$folder/tests/fuzz/${target}_fuzz" "$corpus" "${seeds[@]}" -max_total_time="$2" \
    -rss_limit_mb=2048 -timeout=10 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="$folder/crashes/$target-" >"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  cover=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  if [ $status -eq 0 ]; then
    echo "PASS fuzz $target: ${runs:-?} inputs, ${cover:-?} edges covered"
  else
    echo "FAIL fuzz $target (exit $status): $folder/$target.log, its input in $folder/crashes"
    grep -m1 -E 'ERROR: |runtime error:' "$log" || tail -5 "$log"
    return 1
  fi
}
export -f one

# A target that has gone wrong does not keep the others from running.
printf '%s\0' "$@" |
  xargs -0 -P "${SLUICE_JOBS:-2}" -I {} bash -c 'one "$@"' _ {} "$seconds" "$folder" || exit 1

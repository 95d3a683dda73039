#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Installs what the tests need, builds Sluice twice (release; AddressSanitizer
# with UndefinedBehaviourSanitizer), runs the whole suite on both, guards the
# fast path's instruction count, then virtual functions in an emulated machine, the
# fuzz targets for a short while and, where SLUICE_CORPUS names a folder with real
# captures, the corpus.
#
#   tests/run.sh                everything
#   tests/run.sh --quick        release flavour only, no machine, no fuzzing, no corpus
#   SLUICE_CORPUS=DIR           folder with pcaps/ and tools/; absent: those tests are skipped
#   SLUICE_FUZZ_SECONDS=N       a fuzz target (default 10)
set -euo pipefail
cd "$(dirname "$0")/.."
# One clone's objects serve the next: ccache, where it is there, need not ask in which
# folder they were made.
export CCACHE_NOHASHDIR=1

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }

quick=
case "${1:-}" in
  '') ;;
  --quick) quick=1 ;;
  *) sed -n '5,16s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

started=$SECONDS
passed=0 failed=0 skipped=0

# count LABEL COMMAND...: one test of its own; exit code 77 says skipped.
count() {
  local label=$1 begin=$SECONDS status=0
  shift
  "$@" || status=$?
  case $status in
    0) passed=$((passed + 1)); echo "PASS $label ($((SECONDS - begin)) s)" ;;
    77) skipped=$((skipped + 1)); echo "SKIP $label" ;;
    *) failed=$((failed + 1)); echo "FAIL $label (exit $status)" ;;
  esac
}

# build FOLDER OPTIONS...
build() {
  local folder=$1
  shift
  if [ ! -f "$folder/build.ninja" ]; then
    meson setup "$folder" "$@" >"$folder.log" 2>&1 || { cat "$folder.log"; return 1; }
  fi
  ninja -C "$folder"
}

# suite FOLDER: meson's tests, added to the count.
suite() {
  local folder=$1 log=$1/meson-logs/testlog.json p f s status=0
  rm -f "$log"  # or a run that fails to start would be judged by the one before
  meson test -C "$folder" --no-rebuild --print-errorlogs || status=$?
  read -r p f s < <(python3 - "$log" "$status" <<'PY'
import json, os, sys
log, status = sys.argv[1], int(sys.argv[2])
p = f = s = 0
for line in open(log) if os.path.exists(log) else []:
    r = json.loads(line)['result']
    if r in ('OK', 'EXPECTEDFAIL'): p += 1
    elif r == 'SKIP': s += 1
    else: f += 1
# No log, or a failure that it does not tell of, is one of its own.
if p + f + s == 0 or (status != 0 and f == 0): f += 1
print(p, f, s)
PY
  )
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# vm FOLDER: each of its cases is a test.
vm() {
  local log=$1/vm.log status=0 p f
  tests/vm/run.sh --build "$1" 2>&1 | tee "$log" || status=$?
  if [ "$status" = 77 ]; then
    skipped=$((skipped + 1))
    return
  fi
  read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$log" | tail -n 1) || p=0 f=0
  # No count, or a failure that it does not tell of, is one of its own.
  [ "$status" = 0 ] && [ "$p" -gt 0 ] || [ "$f" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f))
}

say "Debian packages"
app/install-deps.sh --tests

say "release: build"
build build-release --buildtype=release
say "release: test"
suite build-release
say "instructions a packet"
BUILD=build-release count instructions bench/instructions.sh

if [ -z "$quick" ]; then
  say "virtual functions, in an emulated machine"
  vm build-release

  export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
  say "AddressSanitizer and UndefinedBehaviourSanitizer: build"
  build build-asan --buildtype=plain -Doptimization=1 -Dcpp_args=-g1 -Db_sanitize=address,undefined \
    -Db_lundef=false -Dbenchmarks=false
  say "AddressSanitizer and UndefinedBehaviourSanitizer: test"
  suite build-asan

  say "fuzz targets, ${SLUICE_FUZZ_SECONDS:-10} s each"
  count fuzz tests/fuzz/run.sh "${SLUICE_FUZZ_SECONDS:-10}"

  if [ -n "${SLUICE_CORPUS:-}" ]; then
    say "corpus: every capture through the sanitizers, nDPI's labels, both placements, rules"
    count corpus tests/pcap/corpus.sh build-asan/app/sluice build-release/app/sluice
  else
    echo "SKIP corpus: SLUICE_CORPUS names no folder with captures"
    skipped=$((skipped + 1))
  fi
fi

say "done in $((SECONDS - started)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

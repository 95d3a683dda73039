#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# SR-IOV without hardware: boots a guest with two emulated NICs behind an emulated
# IOMMU (QEMU's igb) and runs the sluice just built in it, on their virtual functions.
#
#   tests/vm/run.sh [--build DIR] [CASE...]   all cases, or those named
#   tests/vm/run.sh --list
#   tests/vm/run.sh [--build DIR] --shell [no-iommu]   a shell in the guest, `exit` ends it
#
# --build DIR: where app/sluice is (default build-release). One line for each case;
# then "N passed, N failed, N skipped". Exit code 1 if any failed, 77 with the reason if
# there is no QEMU 8 or no kernel here. What the guests said: build-vm/*.log.
# $CASE_LIMIT and $LIMIT: seconds a case and a guest may take (120, 420), on a host with
# other work.
set -euo pipefail
cd "$(dirname "$0")"
tree=$(cd ../.. && pwd)
guest=$tree/build-vm

usage() { sed -n '5,17s/^# \{0,1\}//p' "$(basename "$0")"; exit 2; }
die() { echo "tests/vm: $*" >&2; exit 2; }

# Cases that name the same boot share one; boots go on side by side.
boot_of() { sed -n 's/^# boot: *//p' "cases/$1.sh"; }
all_cases() { (cd cases && ls -- *.sh) | sed 's/\.sh$//'; }

build=$tree/build-release shell='' wanted=()
while [ $# -gt 0 ]; do
  case "$1" in
    --build) build=$(cd "$OLDPWD" && cd "${2:?}" && pwd); shift 2 ;;
    --list) for name in $(all_cases); do echo "$name ($(boot_of "$name"))"; done; exit 0 ;;
    --shell) shell=${2:-sriov}; break ;;
    -*) usage ;;
    *) [ -f "cases/$1.sh" ] || die "no case $1 (--list)"; wanted+=("$1"); shift ;;
  esac
done
[ ${#wanted[@]} -gt 0 ] || mapfile -t wanted < <(all_cases)
[ -x "$build/app/sluice" ] || die "no $build/app/sluice (--build DIR)"

qemu-system-x86_64 -device igb,help >/dev/null 2>&1 ||
  { echo "SKIP vm: QEMU here has no SR-IOV NIC (8 or later: app/install-deps.sh --tests)"; exit 77; }
# One at a time: the folder is theirs in common, and so are the machine's CPUs.
mkdir -p "$guest"
exec 9>"$guest/lock"
flock 9
status=0
said=$(./prepare.sh "$guest") || status=$?
[ "$status" != 77 ] || { echo "SKIP vm: $said"; exit 77; }
[ "$status" = 0 ] || { echo "FAIL vm: the guest cannot be prepared: $said"; exit 1; }
[ -z "$said" ] || echo "$said"

# task FILE LINE...: the guest's only program.
task() {
  local file=$1
  shift
  {
    echo "trap 'echo o >/proc/sysrq-trigger; sleep 9' EXIT"
    printf 'TREE=%q SLUICE=%q\n' "$tree" "$build/app/sluice"
    printf '%s\n' "$@"
  } >"$file"
}

if [ -n "$shell" ]; then
  task "$guest/task" 'CASES=; . "$TREE/tests/vm/guest.sh"' \
    "echo '. ./common.sh; set +e; fail() { echo \"FAIL: \$*\"; return 1; }' >/run/bashrc" \
    'setsid -c bash --rcfile /run/bashrc -i'
  [ ! -t 0 ] || { saved=$(stty -g); stty raw -echo; trap 'stty "$saved"' EXIT; }
  LIMIT=36000 ./boot.sh "$guest" "$shell" "$guest/task"
  exit
fi

# boot NAME CASE...: their lines as they come, and "passed failed" into a file.
boot() {
  local name=$1 log=$guest/$1.log machine=sriov passed=0 failed=0 report='' tag word case rest
  shift
  [ "$name" != no-iommu ] || machine=no-iommu
  local left=" $* "
  task "$guest/$name.task" "CASES='$*' CASE_LIMIT=${CASE_LIMIT:-120}" '. "$TREE/tests/vm/guest.sh"'
  while read -r tag word case rest; do
    [ "$tag" = @ ] || continue
    [ "$word" != '|' ] || { report+="  | $case${rest:+ $rest}"$'\n'; continue; }
    printf '%s' "$report" # of the case before, in one piece
    report=''
    [ "$word" = PASS ] || [ "$word" = FAIL ] || continue
    left=${left/" $case "/ }
    [ "$word" = PASS ] && passed=$((passed + 1)) || failed=$((failed + 1))
    report="$word vm/$case ($rest s)"$'\n'
  done < <(./boot.sh "$guest" "$machine" "$guest/$name.task" </dev/null 2>&1 | tr -d '\r' | tee "$log"; echo '@ END')
  printf '%s' "$report"
  if [ -n "${left// /}" ]; then
    for case in $left; do
      failed=$((failed + 1))
      echo "FAIL vm/$case (the guest ended before)"
    done
    tail -n 20 "$log" | sed 's/^/  | /'
  fi
  echo "$passed $failed" >"$guest/$name.result"
}

# The longest ones first.
boots=$(for name in "${wanted[@]}"; do boot_of "$name"; done | sort | uniq -c | sort -rn | awk '{ print $2 }')
jobs=0 begin=$SECONDS
for name in $boots; do
  rm -f "$guest/$name.result"
  cases=()
  for case in "${wanted[@]}"; do
    [ "$(boot_of "$case")" != "$name" ] || cases+=("$case")
  done
  # A guest that has to share its CPU is slow, and what it measures untrue.
  [ $((jobs += 1)) -le "$(nproc)" ] || wait -n
  boot "$name" "${cases[@]}" &
done
wait
passed=0 failed=0
for name in $boots; do
  read -r p f <"$guest/$name.result" || p=0 f=1
  passed=$((passed + p)) failed=$((failed + f))
done
echo "in $((SECONDS - begin)) s"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Runs in the guest, sourced by its first program, which sets SLUICE, TREE, CASES
# (names of scripts in cases/) and CASE_LIMIT (seconds). One line for each case, as
# run.sh understands it:
#
#   @ PASS wire 7
#   @ FAIL wire 7
#   @ | a line of what a failed case said; of one that passed: @ .
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
export SLUICE TREE
cd "$TREE/tests/vm" || exit
dmesg -n 1
hostname guest
# Nobody speaks but those whom a case lets speak.
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip link set lo up

run_case() {
  local name=$1 begin=$SECONDS status=0 group
  timeout -k 5 "$CASE_LIMIT" bash -c 'bash fresh.sh && exec bash "cases/$0.sh"' "$name" \
    </dev/null >/run/case.log 2>&1 &
  group=$! # timeout begins a process group of its own
  wait "$group" || status=$?
  kill -9 -- "-$group" 2>/dev/null
  if [ "$status" = 0 ]; then
    echo "@ PASS $name $((SECONDS - begin))"
    sed 's/^/@ . /' /run/case.log
    return
  fi
  [ "$status" != 124 ] && [ "$status" != 137 ] || echo "not done after $CASE_LIMIT s" >>/run/case.log
  echo "@ FAIL $name $((SECONDS - begin))"
  {
    cat /run/case.log
    echo "... kernel"
    dmesg | tail -n 15
  } | sed 's/^/@ | /'
}

for name in $CASES; do
  run_case "$name"
  dmesg -C
done

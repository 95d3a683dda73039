#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# The kits' shell scripts: syntax, help, refusals, and the commands that they would run.
#   shell_test.sh ROOT
set -euo pipefail
cd "$1/bench"
failed=0
fail() { echo "FAIL: $*"; failed=1; }

# has OUTPUT WORD...: each word is in it.
has() {
  local output=$1 word
  shift
  for word in "$@"; do
    [[ $output == *"$word"* ]] || fail "'$word' is not in: $output"
  done
}
# refused COMMAND...: exit code 2 and something on standard error.
refused() {
  local status=0 said
  said=$("$@" 2>&1 >/dev/null) || status=$?
  [[ $status -eq 2 && -n $said ]] || fail "$*: exit $status, said '$said'"
}

scripts=(metal/vfs.sh metal/sluice.sh pktgen/run.sh trex/server.sh trex/run.sh)
for script in metal/*.sh pktgen/*.sh trex/*.sh; do
  [[ " ${scripts[*]} " == *" $script "* ]] || fail "$script is not tested"
done
for script in "${scripts[@]}"; do
  bash -n "$script" || fail "$script: syntax"
  [ -x "$script" ] || fail "$script: not executable"
  has "$("./$script" --help)" "--dry-run" "-h, --help" "$(basename "$script")"
  refused "./$script" --no-such-option
done
if command -v shellcheck >/dev/null; then
  shellcheck --severity=warning "${scripts[@]}" "$1/tests/kits/shell_test.sh" || fail shellcheck
fi

# Whatever machine this is: no interface, no hugepages yet.
export SLUICE_SYS=/nonexistent
has "$(metal/vfs.sh --dry-run --mac 02:00:00:00:00:01,02:00:00:00:00:02 --pages 64 ens1f0 ens1f1)" \
  "ip link set ens1f1 vf 0 mac 02:00:00:00:00:02" "spoofchk off" "trust on" \
  "ethtool -A ens1f0 rx off tx off" "echo 64 > " "driver_override" "VF0-OF-ens1f0 VF0-OF-ens1f1"
has "$(metal/vfs.sh --dry-run --undo ens1f0)" "echo 0 > /nonexistent/class/net/ens1f0/device/sriov_numvfs"
refused metal/vfs.sh

out=$(metal/sluice.sh --dry-run --lan 0000:01:10.0 --wan 0000:02:10.0 --lcores 2,3 --flows 1000 \
  --lan-mac 02:00:00:00:00:01 trex/routed.toml -- --no-huge)
has "${out//\\/}" "run -c trex/routed.toml" "port[0].device=0000:01:10.0" "port[1].device=0000:02:10.0" \
  "lane[1].lcore=3" "flowtable.capacity=1000" "neighbour[0].mac=02:00:00:00:00:01" "--no-huge"
refused metal/sluice.sh --lan 0000:01:10.0 trex/wire.toml
refused metal/sluice.sh --lan 0000:01:10.0 --wan 0000:02:10.0 no-such.toml

out=$(pktgen/run.sh --dry-run --ports 03:00.0,03:00.1 --lcores 1,2-3:4-7,8:9/10 --sizes 64,128 \
  --dst-macs 02:00:00:00:00:0a,02:00:00:00:00:0b rfc2544)
has "${out//\\/}" "-l 1,2-3,4-7,8,9,10 " "-a 03:00.0 -a 03:00.1" "-m [2-3:4-7].0 -m [8:9/10].1" \
  "KIT_SIZES=64,128" "KIT_DST_MAC_B=02:00:00:00:00:0b" "rfc2544.lua"
refused pktgen/run.sh --ports 03:00.0 rfc2544
refused pktgen/run.sh --ports 03:00.0,03:00.1 kit
refused pktgen/run.sh --ports 03:00.0,03:00.1 no-such-profile
for profile in pktgen/*.lua; do
  name=$(basename "$profile" .lua)
  [ "$name" = kit ] || has "$(pktgen/run.sh --help)" "$name"
done

out=$(trex/server.sh --dry-run --astf --ports 0000:03:00.0,0000:03:00.1 --lcores 0,1,4,5,6 --socket 1 \
  --macs 02:00:00:00:00:01,02:00:00:00:00:02)
has "$out" "interfaces: ['03:00.0', '03:00.1']" "threads: [4,5,6]" "latency_thread_id: 1" "socket: 1" \
  "t-rex-64 -i -c 3" "--astf" "dest_mac: '02:00:00:00:00:02'
      src_mac: '02:00:00:00:00:01'"
has "$(trex/server.sh --dry-run --ports 03:00.0,03:00.1 --macs 02:00:00:00:00:01,02:00:00:00:00:02 \
  --dut-macs 02:00:00:00:00:11,02:00:00:00:00:12)" "dest_mac: '02:00:00:00:00:12'
      src_mac: '02:00:00:00:00:02'"
refused trex/server.sh --ports 03:00.0,03:00.1

for what in rfc2544 imix flows newflows latency emix connections; do
  out=$(trex/run.sh --dry-run --sizes 64,1518 "$what" -- --loss 0.001)
  has "$out" "--loss 0.001" "--server 127.0.0.1"
  while read -r _ program profile _; do
    [[ -r $program && -r $profile ]] || fail "$what: no $program or no $profile"
  done <<<"$out"
done
refused trex/run.sh --dry-run no-such-measurement

[ $failed -eq 0 ] && echo "shell scripts of the kits: fine"
exit $failed

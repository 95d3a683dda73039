#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# `sluice check` says before what `run` would meet: nothing in the way, harmful
# offloads with the command against them, an interface that is not there, what an
# SR-IOV configuration lacks here, and all mistakes of a file at once.
set -euo pipefail
. "$(dirname "$0")/common.sh"

set_up_network
write_config <<'TOML'
[[lane]]
lcore = 1
TOML

# checks CODE ARGUMENT...
checks() {
  local want=$1 status=0
  shift
  box "$SLUICE" check -c "$WORK/sluice.toml" "$@" >"$WORK/report" 2>&1 || status=$?
  [ "$status" = "$want" ] || fail "check $*: exit code $status, not $want: $(cat "$WORK/report")"
}
says() { grep -q -- "$1" "$WORK/report" || fail "no '$1' in: $(cat "$WORK/report")"; }

# is PYTHON: a statement about the JSON report `r`, with its probes by name in `p`.
is() {
  python3 - "$WORK/report" "$1" <<'PY' || fail "--json is not so that $1: $(cat "$WORK/report")"
import json, sys
r = json.load(open(sys.argv[1]))
p = {probe["name"]: probe for probe in r["probes"]}
sys.exit(not eval(sys.argv[2]))
PY
}

say "a configuration that would run"
checks 0
says '^pass '
checks 0 -v
says 'wire to wan'
says 'alice'
says '^pass  port lan: offloads: off'
checks 0 --json
is 'r["ready"] and all(x["found"] and x["link"].startswith("docs/") for x in r["probes"])'
is 'all(x["meaning"] for x in r["probes"] if x["result"] != "pass")'

say "offloads left on"
box ethtool -K lan gro on tx on >/dev/null
checks 0
says '^warn  port lan: offloads: on: gro'
says '> ethtool -K lan gro off.* tx off'
box ethtool -K lan gro off tx off >/dev/null

say "an interface that is down, and one that does not exist"
ip -n "$ID-box" link set lan down
checks 0
says '> ip link set lan up'
checks 1 --set 'port[1].device=net_af_packet1,iface=nowhere'
says '^fail  port wan: device: .*nowhere'

say "an lcore that the machine lacks"
checks 1 --set 'lane[0].lcore=126'
says '^fail  lcores: .*126'

say "two VFs that this machine does not have, in one screen"
checks 1 --set 'port[0].device=0000:01:10.0' --set 'port[1].device=0000:02:10.0'
says '^fail  port lan: device: no PCI device 0000:01:10.0'
[ "$(wc -l <"$WORK/report")" -le 50 ] || fail "more than a screen: $(cat "$WORK/report")"
checks 1 --json --set 'port[0].device=0000:01:10.0' --set 'port[1].device=0000:02:10.0'
is 'not r["ready"] and p["IOMMU"]["topic"] == "iommu" and p["vfio-pci"]["result"]'

say "--fix --dry-run prints and changes nothing; a device with the default route is not its"
# In a namespace of mounts of its own, where /dev/hugepages is no hugetlbfs.
before=$(cat /sys/kernel/mm/hugepages/*/nr_hugepages)
status=0
unshare -m bash -c 'umount -a -t hugetlbfs 2>/dev/null; exec "$@"' - \
  "$SLUICE" check -c "$WORK/sluice.toml" --fix --dry-run >"$WORK/report" 2>&1 || status=$?
[ "$status" -le 1 ] || fail "--fix --dry-run: exit code $status: $(cat "$WORK/report")"
says '^+ mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages'
[ "$(cat /sys/kernel/mm/hugepages/*/nr_hugepages)" = "$before" ] || fail "--dry-run reserved pages"
gateway=$(awk '$2 == "00000000" && $8 == "00000000" { print $1; exit }' /proc/net/route)
address=$(readlink -f "/sys/class/net/${gateway:-none}/device" | grep -o '[0-9a-f]*:[0-9a-f]*:[0-9a-f]*\.[0-7]' | tail -n 1 || true)
if [ -n "$address" ]; then
  status=0
  "$SLUICE" check -c "$WORK/sluice.toml" --fix --dry-run --set "port[0].device=$address" \
    --set port[1].device=net_null0 >"$WORK/report" 2>&1 || status=$?
  [ "$status" = 1 ] || fail "the device of the default route: exit code $status"
  says "$gateway carries the default route"
  ! grep -q '^+ .*driver_override' "$WORK/report" || fail "would bind it: $(cat "$WORK/report")"
fi

say "every mistake of a file at once, of stages too"
cat >>"$WORK/sluice.toml" <<'TOML'

[flowtable]
capacity = "many"

[stage.firewall]
defualt = "deny"
TOML
checks 2
says 'flowtable.capacity'
says 'defualt'
checks 2 --json
python3 -c 'import json, sys; assert len(json.load(open(sys.argv[1]))["errors"]) == 2' "$WORK/report" ||
  fail "--json: $(cat "$WORK/report")"
status=0
box "$SLUICE" run -c "$WORK/sluice.toml" >"$WORK/report" 2>&1 || status=$?
[ "$status" = 2 ] || fail "run started with a bad file, or ended with $status"
says 'flowtable.capacity'
says 'defualt'
says 'nothing was started'
say "done"

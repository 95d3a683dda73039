#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# `sluice check` says before what `run` would meet: nothing in the way, harmful
# offloads with the command against them, an interface that is not there, and
# all mistakes of a file at once.
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

say "a configuration that would run"
checks 0
says 'wire to wan'
says 'alice'
says 'pass  *port lan: offloads'
checks 0 --json
python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); assert r["ready"] and r["probes"]' \
  "$WORK/report" || fail "--json: $(cat "$WORK/report")"

say "offloads left on"
box ethtool -K lan gro on tx on >/dev/null
checks 0
says 'warn  *port lan: offloads .*ethtool -K lan gro off.* tx off'
box ethtool -K lan gro off tx off >/dev/null

say "an interface that is down, and one that does not exist"
ip -n "$ID-box" link set lan down
checks 0
says 'ip link set lan up'
checks 1 --set 'port[1].device=net_af_packet1,iface=nowhere'
says 'fail  *port wan: device .*nowhere'

say "an lcore that the machine lacks, and two lanes that the device cannot feed"
checks 1 --set 'lane[0].lcore=126'
says 'fail  *cpus .*126'

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

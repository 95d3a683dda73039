#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Where stages run changes nothing for the traffic: a pinned pipeline of two
# workers, then two lanes that pass packets by a hash in software.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/servers.sh"
need curl nc

rules='
[stage.firewall]
default = "deny"

[[stage.firewall.rule]]
name = "no-telnet"
protocol = "tcp"
port = "23"
action = "reject"

[[stage.firewall.rule]]
name = "staff-to-servers"
from = "group:staff"
action = "allow"
'

set_up_network
serve_http 80
head -c 5000000 /dev/urandom >"$WORK/www/big"
want=$(sha256sum <"$WORK/www/big")

# traffic_passes HOST...
traffic_passes() {
  local host status
  for host in "$@"; do
    say "5 MB from $host, and a refusal"
    [ "$(client curl -sS --max-time 40 "http://$host/big" | sha256sum)" = "$want" ] ||
      fail "5 MB from $host arrived changed"
    status=0
    client curl -sS --max-time 5 "http://$host:23/" >/dev/null 2>&1 || status=$?
    [ "$status" = 7 ] || fail "refusal at $host: curl says $status"
  done
}

say "a pinned pipeline: identity and dpi on one worker, firewall and forwarding on the next"
write_config <<TOML
[[lane]]
workers = [
  { lcore = 0, stages = ["identity", "dpi"] },
  { lcore = 1, stages = ["firewall", "forwarding"] },
]
$rules
TOML
start_sluice --lcores '0@(0-1),1@(0-1)'
traffic_passes "$V4_SERVER" "[$V6_SERVER]"
attach show lane | tee "$WORK/lanes"
grep -q 'firewall forwarding' "$WORK/lanes" || fail "no second worker in show lane"
end_sluice
expect_event "HTTP under its rule" "e.event_type == 'flow' and e.ndpi.master == 'HTTP' and
  e.sluice.rule == 'staff-to-servers' and e.sluice.user == 'alice'"

say "two lanes: packets find theirs by a hash in software"
rm -f "$WORK/eve.json"
write_config <<TOML
[[lane]]
lcore = 0

[[lane]]
lcore = 1
$rules
TOML
start_sluice --lcores '0@(0-1),1@(0-1)'
traffic_passes "$V4_SERVER" "[$V6_SERVER]" "$V4_OTHER" "[$V6_OTHER]"
attach show lane | tee "$WORK/lanes"
end_sluice
[ "$(grep -c ': holds' "$WORK/sluice.log")" = 2 ] || fail "conservation is not told for both lanes"
for address in "$V4_SERVER" "$V6_SERVER" "$V4_OTHER" "$V6_OTHER"; do
  expect_event "HTTP with $address" "e.event_type == 'flow' and e.dest_ip == '$address' and
    e.ndpi.master == 'HTTP' and e.sluice.rule == 'staff-to-servers'"
done
say "done"

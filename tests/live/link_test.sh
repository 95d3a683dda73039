#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# A wire passes the state of its links on: the cable of one side pulled, the other
# side's link goes down, and comes back with it; connections go on.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need ping nc

set_up_network
write_config <<'TOML'
[[lane]]
lcore = 1

[stage.firewall]
default = "allow"
TOML
sed -i 's/^peer = .*/&\nlink_follow = true/' "$WORK/sluice.toml"

carrier() { ip netns exec "$ID-$1" cat /sys/class/net/eth0/carrier 2>/dev/null || echo 0; }
has_carrier() { [ "$(carrier "$1")" = "$2" ]; }
logged() { grep -qE "$1" "$WORK/sluice.log"; }

both_up() { [ "$(attach show port info | grep -c '^  link  *up')" = 2 ]; }

# What an appliance that was killed may leave behind.
ip -n "$ID-box" link set wan down
start_sluice --set log.eve.stats_interval_s=1
wait_for 5 "the interface that was left down is up" has_carrier server 1
wait_for 10 "both links" both_up
wait_for 10 "ping" client ping -c 1 -W 1 "$V4_SERVER"

say "a connection that outlives what follows"
ip netns exec "$ID-server" nc -l "$V4_SERVER" 9000 >"$WORK/arrived" </dev/null 2>>"$WORK/servers.log" &
receiver=$!
STARTED+=("$receiver")
wait_for 10 "nc listening" server sh -c 'ss -ltn | grep -q :9000'
mkfifo "$WORK/typed"
ip netns exec "$ID-client" nc -N "$V4_SERVER" 9000 <"$WORK/typed" >/dev/null 2>>"$WORK/servers.log" &
STARTED+=("$!")
exec 8>"$WORK/typed"
echo before >&8
wait_for 10 "the first line" grep -q before "$WORK/arrived"

for round in 1 2; do
  for side in client server; do
    [ "$side" = client ] && own=lan other=wan far=server || { own=wan other=lan; far=client; }
    say "round $round: the cable of $side"
    ip -n "$ID-$side" link set eth0 down
    wait_for 5 "the link of $far goes down" has_carrier "$far" 0
    logged "port $own: link down" || fail "nobody says that the link of $own is down"
    attach show port info "$other" >"$WORK/report"
    grep -q "held down: $own has lost its link" "$WORK/report" || fail "show port info: $(cat "$WORK/report")"
    sleep 1
    attach show port info "$own" >"$WORK/report"
    ! grep -q 'held down' "$WORK/report" || fail "the two hold each other down"
    ip -n "$ID-$side" link set eth0 up
    wait_for 10 "the link of $far comes back" has_carrier "$far" 1
    wait_for 10 "both links" both_up
    wait_for 10 "ping" client ping -c 1 -W 1 "$V4_SERVER"
  done
done
echo behind >&8
wait_for 20 "the last line" grep -q behind "$WORK/arrived"
exec 8>&-

attach show port info lan >"$WORK/report"
changes=$(sed -n 's/^  state  *working; link changes //p' "$WORK/report")
[ "${changes:-0}" -ge 8 ] || fail "two rounds are eight changes: $(cat "$WORK/report")"

say "held at the end: let up"
ip -n "$ID-client" link set eth0 down
wait_for 5 "the link of the server goes down" has_carrier server 0
end_sluice
has_carrier server 1 || fail "the interface was left down"
expect_event "the ports, in the statistics" \
  "e.event_type == 'stats' and e.stats.port.lan.rx_packets > 0 and e.stats.port.lan.link_changes >= 8"
expect_event "a link that is down" "e.event_type == 'stats' and e.stats.port.wan.link == 'down'"
expect_event "a link that is held down" "e.event_type == 'port' and e.in_iface == 'wan' and e.port.change == 'link_held'"
say "done"

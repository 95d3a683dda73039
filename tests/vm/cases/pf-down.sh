#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: events
#
# A PF goes down and up, after which its VF is deaf until it is set up anew: done,
# told, and the flows are kept, for what is unknown in midstream would be dropped.
set -euo pipefail
. ./common.sh

prepare_wire
plug_wire
{ wire_ports; rules; } | config
start_sluice
wait_for_ping c 10.0.0.2
hold_connection c s 10.0.0.2
before=$(counter lan RX-packets)

pf0=$(interface_of "$PF0")
say "down"
ip link set "$pf0" down
wait_for 5 "nobody says that the PF is down" logged "port lan: its PF $pf0 is down"
wait_for 5 "nobody says that the link is down" logged 'port lan: link down'
expect_standstill

say "up"
ip link set "$pf0" up
wait_for 15 "the port is not set up anew" logged 'port lan: recovered: .*flows were kept'
wait_for_ping c 10.0.0.2
expect_connection
expect_ping s 10.0.0.1
attach show flows proto tcp >"$WORK/report"
[ "$(grep -c established "$WORK/report")" = 1 ] || fail "not the one flow there was"

# A VF that is reset counts anew, or seems to jump by 2^32.
after=$(counter lan RX-packets)
[ "$after" -gt "$before" ] && [ "$after" -lt $((before + 100000)) ] || fail "RX-packets went from $before to $after"
end_sluice

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: events
#
# A PF is reset while it stays up, as by its driver after an error. Its VF is deaf
# then until it is set up anew: whoever reads its counters meanwhile.
set -euo pipefail
. ./common.sh

prepare_wire
plug_wire
{ wire_ports; rules; } | config
start_sluice
wait_for_ping c 10.0.0.2
hold_connection c s 10.0.0.2

for round in 1 2; do
  say "reset, round $round"
  ethtool -r "$(interface_of "$PF0")"
  attach show port stats >"$WORK/report"
  wait_for 15 "nobody says that there was a reset" eval '[ "$(grep -c "port lan: recovered" "$WORK/sluice.log")" -ge $round ]'
  logged 'port lan: .*\(reset\|set up anew\)' || fail "nobody says why"
  wait_for_ping c 10.0.0.2
  expect_connection
done
grep -q '"event_type":"port".*"in_iface":"lan".*"change":"recovered"' "$WORK/eve.json" || fail "no event tells of it"
# The counters go on from where they were, whatever the device's own do.
for word in RX-packets TX-packets RX-bytes TX-bytes; do
  [ "$(counter lan "$word")" -gt 20 ] && [ "$(counter lan "$word")" -lt 10000000 ] || fail "$word: $(counter lan "$word")"
done
! logged 'port wan: reset' || fail "the other port was reset, too"
expect_ping s 10.0.0.1
end_sluice

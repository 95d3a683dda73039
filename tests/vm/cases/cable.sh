#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: events
#
# The cable of one side is pulled and put back: told, on both sides of the wire;
# a TCP connection goes on.
set -euo pipefail
. ./common.sh

prepare_wire
plug_wire
{ wire_ports; rules; } | config
start_sluice
wait_for_ping c 10.0.0.2
hold_connection c s 10.0.0.2

say "pulled"
cable pf0 out
wait_for 5 "nobody says that the link is down" logged 'port lan: link down'
attach show port info lan >"$WORK/report"
grep -q 'link  *down' "$WORK/report" || fail "show port info says otherwise"
# This NIC's VFs cannot take their link down, which is told.
wait_for 5 "nobody speaks of the other side" logged 'port wan: lan has lost its link, but the driver cannot take this one down'
expect_standstill

say "put back"
cable pf0 in
wait_for 10 "nobody says that the link is up" logged 'port lan: link up'
wait_for_ping c 10.0.0.2
expect_connection
expect_ping s 10.0.0.1
end_sluice

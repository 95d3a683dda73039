#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: traffic
#
# Hosts that find each other by ARP over a wire whose NICs hand a VF its own
# broadcasts back: no storm, and what was dropped is counted.
set -euo pipefail
. ./common.sh

prepare_wire
plug c 10.0.0.1/24
plug s 10.0.0.2/24
{ wire_ports; rules; } | config
start_sluice
wait_for_ping c 10.0.0.2
expect_ping s 10.0.0.1
carries c s 10.0.0.2 9000
on c ip neigh flush dev eth0
expect_ping c 10.0.0.2
quiet=$(counter lan RX-packets)
sleep 2
[ $(($(counter lan RX-packets) - quiet)) -lt 20 ] || fail "a storm: $quiet packets, 2 s later $(counter lan RX-packets)"
attach show drops >"$WORK/report"
grep -q 'wire.split_horizon' "$WORK/report" || fail "nothing was held back, so this proves nothing"
end_sluice

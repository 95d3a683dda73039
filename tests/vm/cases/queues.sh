#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: traffic
#
# As many lanes as the VF has queues, spread by software as the VF has no RSS; one more
# is refused, by `check` and by `run`.
set -euo pipefail
. ./common.sh

prepare_wire
plug_wire
{ wire_ports; rules; lanes 1; } | config
checks 0 --lcores '0@0,1@0'
finds pass 'port lan: queues' 'offered: 2, no RSS'
start_sluice --lcores '0@0,1@0'
wait_for_ping c 10.0.0.2
expect_ping s 10.0.0.1
carries c s 10.0.0.2 9000
end_sluice

{ wire_ports; rules; lanes 1 2; } | config
checks 1 --lcores '0@0,1@0,2@0'
finds fail 'port lan: queues' 'needed: 3'
! "$SLUICE" run -c "$WORK/sluice.toml" --lcores '0@0,1@0,2@0' </dev/null >"$WORK/sluice.log" 2>&1 || fail "run started"
logged '3 lanes need as many transmit queues, the device has 2' || fail "run does not say why"

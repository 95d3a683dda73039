#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: traffic
#
# The PF puts each VF of a wire into a VLAN: tagged on the cable, untagged in sluice.
set -euo pipefail
. ./common.sh

prepare_wire
ip link set "$(interface_of "$PF0")" vf 0 vlan 100
ip link set "$(interface_of "$PF1")" vf 0 vlan 100
plug_wire
for side in c s; do
  ip -n "$side" link add link eth0 name v100 type vlan id 100
  ip -n "$side" link set v100 up
done
ip -n c addr add 10.0.100.1/24 dev v100
ip -n s addr add 10.0.100.2/24 dev v100
ip -n c neigh replace 10.0.100.2 lladdr "$MAC_S" dev v100 nud permanent
ip -n s neigh replace 10.0.100.1 lladdr "$MAC_C" dev v100 nud permanent
{ wire_ports; rules; } | config
checks 0
finds warn 'port lan: port VLAN' 100
start_sluice
wait_for_ping c 10.0.100.2
expect_ping s 10.0.100.1
carries c s 10.0.100.2 9000
expect_no_ping c 10.0.0.2
end_sluice

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: preflight
#
# Both ends of a wire on VFs of one NIC: its own switch would make a loop of them.
set -euo pipefail
. ./common.sh

prepare 2
{ wire_ports; rules; } | config
checks 0
finds pass 'wire lan - wan' 'on two PFs'
checks 1 --set "port[1].device=$LAN2"
finds fail 'wire lan - wan' "both ends are VFs of $PF0"
say "kept apart by port VLANs"
pf0=$(interface_of "$PF0")
ip link set "$pf0" vf 0 vlan 10
ip link set "$pf0" vf 1 vlan 20
checks 0 --set "port[1].device=$LAN2"
finds pass 'wire lan - wan' 'apart by VLAN 10 and 20'

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: preflight
#
# What the PF decides for its VFs: no MAC address given, spoof check, trust, port
# VLAN; and what this NIC cannot do for any.
set -euo pipefail
. ./common.sh

modprobe vfio-pci
vfs 1
pf0=$(interface_of "$PF0") pf1=$(interface_of "$PF1")
{ wire_ports; rules; } | config
ip link set "$pf0" vf 0 spoofchk on
ip link set "$pf0" vf 0 trust off
ip link set "$pf1" vf 0 vlan 100
checks 1
finds warn 'port lan: MAC address' "none given by $pf0" "ip link set dev $pf0 vf 0 mac"
finds warn 'port lan: spoof check' on "ip link set dev $pf0 vf 0 spoofchk off"
finds warn 'port lan: trust' off "ip link set dev $pf0 vf 0 trust on"
finds pass 'port lan: port VLAN' none
finds warn 'port wan: port VLAN' 100 "ip link set dev $pf1 vf 0 vlan 0"
finds warn 'port lan: promiscuous' 'without effect for unicast on igb' "vf 0 mac ADDRESS"
finds fail 'port lan: driver' none "$LAN/driver_override"
checks 1 --set "port[0].mac=$MAC_S" --set 'port[1].mac=02:00:00:00:00:99'
finds warn 'port lan: MAC address' "none given" "mac $MAC_S"

checks 0 --fix --set "port[0].mac=$MAC_S"
set_to=$(vf_line "$pf0" 0)
[[ $set_to == *"$MAC_S"*'spoof checking off'*'trust on'* ]] || fail "--fix did not set the VF: $set_to"
finds pass 'port lan: MAC address' "$MAC_S"
finds pass 'port lan: driver' vfio-pci

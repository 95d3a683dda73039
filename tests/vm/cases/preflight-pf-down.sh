#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: preflight
#
# A PF that is down, one whose cable is out, one whose MTU is too small.
set -euo pipefail
. ./common.sh

prepare_wire
{ wire_ports; rules; } | config
pf0=$(interface_of "$PF0") pf1=$(interface_of "$PF1")
ip link set "$pf0" down
cable pf1 out
wait_for 5 "the PF does not notice" grep -qx 0 "/sys/class/net/$pf1/carrier"
checks 1 --set 'port[0].mtu=2000' --set 'port[1].mtu=2000'
finds fail 'port lan: PF' "$pf0 is down" "ip link set dev $pf0 up"
finds warn 'port wan: PF' "$pf1 is up, without a link" "ethtool $pf1"
finds warn 'port lan: MTU' "$pf0 has 1500, the port 2000" "ip link set dev $pf0 mtu 2000"

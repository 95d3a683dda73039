#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: traffic
#
# Tagged frames on a wire: what `vlans` names passes, in a zone of its own, beside
# what has no tag; other ids do not get through the NIC's filter.
set -euo pipefail
. ./common.sh

prepare_wire
plug_wire
for id in 100 200; do
  for side in c s; do
    last=1 peer=2 mac=$MAC_S
    [ "$side" = c ] || { last=2 peer=1 mac=$MAC_C; }
    ip -n "$side" link add link eth0 name "v$id" type vlan id "$id"
    ip -n "$side" addr add "10.0.$id.$last/24" dev "v$id"
    ip -n "$side" link set "v$id" up
    ip -n "$side" neigh replace "10.0.$id.$peer" lladdr "$mac" dev "v$id" nud permanent
  done
done
{ wire_ports; rules; } | sed 's/^peer = .*/&\nvlans = [100, "110-112"]/' | config
checks 0
finds pass 'port lan: VLAN filter' '4 ids'
start_sluice
wait_for_ping c 10.0.0.2
say "VLAN 100"
expect_ping c 10.0.100.2
expect_ping s 10.0.100.1
carries c s 10.0.100.2 9000
carries s c 10.0.100.1 9000
! on c nc -z -w 2 10.0.100.2 22 || fail "what no rule allows got through"
say "no tag, VLAN 200"
expect_ping c 10.0.0.2
expect_no_ping c 10.0.200.2

say "VLAN 100 after its PF was down"
ip link set "$(interface_of "$PF0")" down
sleep 1
ip link set "$(interface_of "$PF0")" up
wait_for_ping c 10.0.100.2
expect_ping c 10.0.0.2
end_sluice

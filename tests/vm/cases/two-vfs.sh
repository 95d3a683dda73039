#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: traffic
#
# Two VFs of each NIC in one process: a wire on the first, a router on the second.
# Ports go by address, so that neither takes the other's.
set -euo pipefail
. ./common.sh

prepare 2 --mac "$MAC_S,02:00:00:00:00:a1,$MAC_C,02:00:00:00:00:b1"
plug_wire
ip -n c addr add 10.1.0.1/24 dev eth0
ip -n s addr add 10.2.0.1/24 dev eth0
on c ip route add 10.2.0.0/24 via 10.1.0.254
on s ip route add 10.1.0.0/24 via 10.2.0.254
ip -n c neigh replace 10.1.0.254 lladdr 02:00:00:00:00:a1 dev eth0 nud permanent
ip -n s neigh replace 10.2.0.254 lladdr 02:00:00:00:00:b1 dev eth0 nud permanent
{
  # Not in the order of the addresses.
  routed_ports "$LAN2" "$WAN2" | sed 's/"lan"/"in"/; s/"wan"/"out"/'
  wire_ports
  rules
} | config
checks 0
finds pass 'wire lan - wan' 'on two PFs'
start_sluice
wait_for_ping c 10.0.0.2
wait_for_ping c 10.2.0.1
say "the wire"
expect_ping s 10.0.0.1
carries c s 10.0.0.2 9000
say "the router"
expect_ping s 10.1.0.1
carries s c 10.1.0.1 9000
[ "$(ttl_of c 10.0.0.2)" = 64 ] || fail "the wire changed the TTL"
[ "$(ttl_of c 10.2.0.1)" = 63 ] || fail "the router did not change the TTL"
end_sluice

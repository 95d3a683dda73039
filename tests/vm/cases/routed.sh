#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: traffic
#
# A router over two VFs: answers ARP and pings for itself, forwards both
# ways, refuses what is denied.
set -euo pipefail
. ./common.sh

prepare 1 --mac 02:00:00:00:00:a1,02:00:00:00:00:b1 --spoofchk on --trust off
plug c 10.1.0.1/24
plug s 10.2.0.1/24
on c ip route add default via 10.1.0.254
on s ip route add default via 10.2.0.254
{ routed_ports; rules; } | config
start_sluice
say "ping the router"
wait_for_ping c 10.1.0.254
wait_for_ping s 10.2.0.254
[ "$(on c ip neigh show 10.1.0.254 | grep -o 'lladdr [^ ]*')" = 'lladdr 02:00:00:00:00:a1' ] || fail "the router's MAC address is not the VF's"
say "ping through it"
wait_for_ping c 10.2.0.1
expect_ping c 10.2.0.1
expect_ping s 10.1.0.1
[ "$(ttl_of c 10.2.0.1)" = 63 ] || fail "the TTL is not one less"
say "TCP both ways"
carries c s 10.2.0.1 9000
carries s c 10.1.0.1 9000
say "denied"
! on c nc -z -w 2 10.2.0.1 22 || fail "what no rule allows got through"
begin=$SECONDS
! on c nc -z -w 8 10.2.0.1 9001 || fail "a denied flow got through"
[ $((SECONDS - begin)) -lt 6 ] || fail "the client was not told"
end_sluice

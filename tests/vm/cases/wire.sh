#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: traffic
#
# A wire over one VF of each of two NICs: pings and TCP both ways arrive whole, what
# no rule allows does not, and every packet is accounted for.
set -euo pipefail
. ./common.sh

prepare_wire
plug_wire
{ wire_ports; rules; } | config
start_sluice
wait_for_ping c 10.0.0.2

say "ping"
expect_ping c 10.0.0.2
expect_ping s 10.0.0.1

say "TCP both ways"
carries c s 10.0.0.2 9000
carries s c 10.0.0.1 9000

say "told no"
on s timeout 20 nc -l 10.0.0.2 9001 </dev/null >"$WORK/arrived" &
begin=$SECONDS status=0
echo secret | on c nc -N -w 8 10.0.0.2 9001 2>"$WORK/nc.log" || status=$?
[ "$status" != 0 ] || fail "a denied flow got through"
[ $((SECONDS - begin)) -lt 6 ] || fail "the client was not told"
[ ! -s "$WORK/arrived" ] || fail "data of a denied flow arrived"
say "not told"
! on c nc -z -w 2 10.0.0.2 22 || fail "what no rule allows got through"

attach show drops >"$WORK/report"
grep -q 'firewall.rejected' "$WORK/report" || fail "no reject counted"
grep -q 'firewall.no_rule' "$WORK/report" || fail "no drop counted"
attach show port info >"$WORK/report"
grep -q 'net_e1000_igb_vf' "$WORK/report" || fail "the ports are no VFs"
[ "$(counter lan RX-packets)" -gt 500 ] || fail "the VF counts $(counter lan RX-packets) packets"
end_sluice

# As in a container with the host's /sys: the PFs are seen, and cannot be asked.
say "in a network namespace of its own"
ENTER='unshare -n' start_sluice
wait_for_ping c 10.0.0.2
attach show port info lan >"$WORK/report"
grep -q 'link  *up' "$WORK/report" || fail "a PF that cannot be asked is taken for one that is down"
end_sluice

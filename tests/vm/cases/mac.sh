#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: traffic
#
# The MAC address of a VF: made up where the PF gives none, as the configuration says
# where the PF lets it, and refused where the PF has given another.
set -euo pipefail
. ./common.sh

prepare 1 --spoofchk on --trust off
for pf in "$PF0" "$PF1"; do ip link set "$(interface_of "$pf")" vf 0 mac 00:00:00:00:00:00; done
plug c 10.1.0.1/24
{ routed_ports; rules; } | config
say "none given"
start_sluice
attach show port info lan >"$WORK/report"
own=$(sed -n 's/.*MAC address *//p' "$WORK/report")
[[ $own =~ ^[0-9a-f]{2}(:[0-9a-f]{2}){5}$ && $own != 00:00:00:00:00:00 ]] || fail "no MAC address"
wait_for_ping c 10.1.0.254
on c ip neigh show 10.1.0.254 >"$WORK/report"
grep -q "$own" "$WORK/report" || fail "ARP does not answer with $own"
end_sluice

say "as configured"
on c ip neigh flush dev eth0
start_sluice --set 'port[0].mac=02:00:00:00:00:c1'
wait_for_ping c 10.1.0.254
on c ip neigh show 10.1.0.254 >"$WORK/report"
grep -q 02:00:00:00:00:c1 "$WORK/report" || fail "ARP does not answer with the configured one"
end_sluice

say "given by the PF"
ip link set "$(interface_of "$PF0")" vf 0 mac 02:00:00:00:00:d1
on c ip neigh flush dev eth0
start_sluice
wait_for_ping c 10.1.0.254
on c ip neigh show 10.1.0.254 >"$WORK/report"
grep -q 02:00:00:00:00:d1 "$WORK/report" || fail "ARP does not answer with the PF's"
end_sluice

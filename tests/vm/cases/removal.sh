#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: events
#
# The VFs of one PF are taken away under the appliance: given back at once, or
# the kernel would wait for ever. The other port goes on, and all is accounted for.
# Without any port it ends, so that who watches it can start it anew.
set -euo pipefail
. ./common.sh

prepare 1 --mac 02:00:00:00:00:a1,02:00:00:00:00:b1 --spoofchk on --trust off
plug c 10.1.0.1/24
plug s 10.2.0.1/24
on c ip route add default via 10.1.0.254
on s ip route add default via 10.2.0.254
{ routed_ports; rules; } | config
start_sluice
wait_for_ping c 10.2.0.1

say "taken away"
echo 0 >"/sys/bus/pci/devices/$PF1/sriov_numvfs" &
writer=$!
wait_for 20 "the kernel still waits for the VF" eval '! kill -0 "$writer"'
[ ! -e "/sys/bus/pci/devices/$WAN" ] || fail "the VF is still there"
wait_for 5 "nobody says that it is gone" logged 'port wan: removed'
logged 'port wan: removal' || fail "nobody says that it is asked for"
kill -0 "$SLUICE_PID" || fail "sluice ended"

say "the other port goes on"
expect_ping c 10.1.0.254
expect_no_ping c 10.2.0.1
attach show port info wan >"$WORK/report"
grep -q 'gone' "$WORK/report" || fail "show port info does not say that it is gone"
grep -q 'link  *down' "$WORK/report" || fail "show port info says that it has a link"
attach show drops >"$WORK/report"
grep -q 'tx.port_stopped' "$WORK/report" || fail "what cannot leave is not counted"

say "the other one, too"
echo 0 >"/sys/bus/pci/devices/$PF0/sriov_numvfs"
expect_end 1
logged 'nothing can pass any more' || fail "nobody says why it ends"
logged ': holds' || fail "the log says nothing of conservation"
logged 'every mbuf is back' || fail "the log says nothing of the mempools"

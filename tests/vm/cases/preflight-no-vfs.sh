#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: preflight
#
# From a bare machine to a running appliance by `sluice check --fix` alone: no
# VFs, no vfio-pci, no hugepages.
set -euo pipefail
. ./common.sh

vfs 0
modprobe -r vfio-pci 2>/dev/null || true
{ wire_ports; rules; } | config
checks 1
finds pass IOMMU on
finds fail vfio-pci 'not loaded' 'modprobe vfio-pci'
finds fail 'port lan: device' "it would be VF 0 of $PF0, which has 0 VFs" "$PF0/sriov_numvfs"
finds fail 'port wan: device' "it would be VF 0 of $PF1, which has 0 VFs" "$PF1/sriov_numvfs"
finds warn hugepages 'free: 0 of 2 MiB' nr_hugepages
finds warn hugetlbfs 'not mounted' 'mount -t hugetlbfs'

checks 0 --fix
finds_ready
finds pass 'port lan: driver' vfio-pci
finds pass 'port wan: driver' vfio-pci
finds pass 'port lan: MAC address' ''
finds pass 'port lan: spoof check' off
finds pass 'port lan: trust' on
finds pass 'wire lan - wan' 'on two PFs'
grep -q '^+ modprobe vfio-pci' "$WORK/check.log" || fail "the commands were not printed"

checks 0 --fix
grep -q 'nothing that --fix may mend' "$WORK/check.log" || fail "--fix is never content"
start_sluice
attach show port info >"$WORK/report"
[ "$(grep -c net_e1000_igb_vf "$WORK/report")" = 2 ] || fail "not both ports are VFs"

say "--fix under what runs, as the unit starts it: under another name, elsewhere"
end_sluice
pages=$(cat /proc/sys/vm/nr_hugepages)
mac=$(vf_line "$(interface_of "$PF0")" 0)
mkdir -p /run/sluice
ENTER='env RUNTIME_DIRECTORY=/run/sluice' start_sluice --set instance=edge
! logged 'huge pages are free' || fail "pages that the one before has left in its files are not taken"
ip link set "$(interface_of "$PF0")" vf 0 spoofchk on
checks 1 --fix
finds fail instance 'edge runs already'
grep -q "refused: ip link set .* spoofchk off" "$WORK/check.log" || fail "--fix resets the VF that is in use"
[ "$(cat /proc/sys/vm/nr_hugepages)" = "$pages" ] || fail "--fix has reserved pages again: $(cat /proc/sys/vm/nr_hugepages), not $pages"
[ "$(vf_line "$(interface_of "$PF0")" 0)" = "${mac/checking off/checking on}" ] || fail "--fix has changed the VF"
end_sluice

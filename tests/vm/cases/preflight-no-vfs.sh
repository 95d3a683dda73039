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
end_sluice

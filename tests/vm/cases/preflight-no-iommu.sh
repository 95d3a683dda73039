#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: no-iommu
#
# A machine without an IOMMU: vfio-pci takes no device, and that is what is said.
set -euo pipefail
. ./common.sh

vfs 1
modprobe vfio-pci
{ wire_ports; rules; } | config
checks 1
finds fail IOMMU 'off or none' 'virtual IOMMU'
finds fail 'port lan: driver' none "$LAN/driver_override"
say "vfs.sh"
status=0
"$TREE/app/deploy/vfs.sh" "$PF0" "$PF1" >"$WORK/vfs.log" 2>&1 || status=$?
[ "$status" = 1 ] || fail "vfs.sh: exit code $status"
grep -q 'no IOMMU' "$WORK/vfs.log" || fail "vfs.sh does not say why"
say "run"
! "$SLUICE" run -c "$WORK/sluice.toml" --no-huge </dev/null >"$WORK/sluice.log" 2>&1 || fail "run started"
logged "$LAN.*bind it to vfio-pci" || fail "run does not say why"

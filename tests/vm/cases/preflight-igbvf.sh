#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: preflight
#
# The kernel's VF driver has taken the VFs: named by `check` and by `run`, mended by --fix.
set -euo pipefail
. ./common.sh

modprobe vfio-pci
modprobe igbvf
vfs 0
for pf in "$PF0" "$PF1"; do echo 1 >"/sys/bus/pci/devices/$pf/sriov_numvfs"; done
wait_for 10 "igbvf does not take the VF" test -e "/sys/bus/pci/devices/$WAN/net"
{ wire_ports; rules; } | config
checks 1
finds fail 'port lan: driver' igbvf "$LAN/driver/unbind"
finds fail 'port wan: driver' igbvf "$WAN/driver/unbind"
! "$SLUICE" run -c "$WORK/sluice.toml" --no-huge </dev/null >"$WORK/sluice.log" 2>&1 || fail "run started"
logged "$LAN.*kernel driver is igbvf" || fail "run does not name the driver"
checks 0 --fix
finds pass 'port lan: driver' vfio-pci
finds pass 'port wan: driver' vfio-pci

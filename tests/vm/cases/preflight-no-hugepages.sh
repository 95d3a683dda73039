#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: preflight
#
# VFs are ready, hugepages are not.
set -euo pipefail
. ./common.sh

prepare_wire
{ wire_ports; rules; } | config
checks 0
finds pass hugepages 'free: 80 of 2 MiB'
echo 0 >/proc/sys/vm/nr_hugepages
checks 0
finds warn hugepages 'free: 0 of 2 MiB' nr_hugepages
umount /dev/hugepages
checks 0
finds warn hugetlbfs 'not mounted' 'mount -t hugetlbfs'

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
# boot: preflight
#
# VFs are ready, hugepages are not: none, too few, and pages of 1 GiB where those of
# 2 MiB would be mounted.
set -euo pipefail
. ./common.sh

prepare_wire
{ wire_ports; rules; } | config
checks 0
finds pass hugepages 'free: 80 of 2 MiB'
echo 0 >/proc/sys/vm/nr_hugepages
checks 0
finds warn hugepages 'free: 0 of 2 MiB' nr_hugepages

say "some that another program has left"
echo 10 >/proc/sys/vm/nr_hugepages
checks 0
finds warn hugepages 'free: 10 of 2 MiB' nr_hugepages
start_sluice
logged 'too few huge pages are free' || fail "nobody says that they are too few"
end_sluice

say "another size on their folder"
umount /dev/hugepages
mount -t hugetlbfs -o pagesize=1G hugetlbfs /dev/hugepages
checks 0
finds warn hugetlbfs 'not mounted for pages of 2 MiB' '/dev/hugepages2M'
prepare_wire
[ "$(awk '$3 == "hugetlbfs" { print $2 }' /proc/mounts | sort | tr '\n' ' ')" = '/dev/hugepages /dev/hugepages2M ' ] ||
  fail "mounts: $(grep hugetlbfs /proc/mounts)"
checks 0
finds pass hugetlbfs /dev/hugepages2M
start_sluice
! logged 'huge pages are free' || fail "hugepages are there, and not taken"
end_sluice
umount /dev/hugepages2M
echo 0 >/proc/sys/vm/nr_hugepages
umount /dev/hugepages
checks 0
finds warn hugetlbfs 'not mounted' 'mount -t hugetlbfs'

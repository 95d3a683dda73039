#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# The guest as a case finds it, whatever the case before has left: cables in, PFs
# up, no hugepages, no namespaces, no port VLANs. Virtual functions stay: making
# them takes seconds, and each case says which it wants.
set -euo pipefail
. ./common.sh

rm -rf /run/sluice /run/dpdk "${WORK:?}"/*
for side in c s; do
  # By itself the interface would come back only when the last of its
  # namespace's connections has given up.
  ip -n "$side" link set eth0 netns 1 name "$side" 2>/dev/null || true
  ip netns delete "$side" 2>/dev/null || true
  compgen -G "$(host_interface "$side")" >/dev/null || fail "$side has not given back its interface"
done
for device in pf0 pf1 c s; do cable "$device" in; done
for pf in "$PF0" "$PF1"; do
  interface=$(interface_of "$pf")
  ip link set "$interface" up mtu 1500 promisc off
  echo 1 >"/sys/bus/pci/devices/$pf/sriov_drivers_autoprobe"
  for ((i = 0; i < $(vfs_of "$pf"); ++i)); do
    [[ $(vf_line "$interface" "$i") != *vlan* ]] || ip link set "$interface" vf "$i" vlan 0
  done
done
for folder in /dev/hugepages /dev/hugepages2M; do
  ! mountpoint -q "$folder" || umount "$folder"
done
echo 0 >/proc/sys/vm/nr_hugepages
for pf in "$PF0" "$PF1"; do
  wait_for 10 "$pf has no carrier" grep -qx 1 "/sys/class/net/$(interface_of "$pf")/carrier"
done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# boot.sh FOLDER MACHINE TASK: boots the kernel in FOLDER; the guest's only program
# is the bash script TASK, its console is standard input and output.
#
#   c: virtio-net --hub 0-- igb port 0: PF 01:00.0, VFs 01:10.0, 01:10.2
#   s: virtio-net --hub 1-- igb port 1: PF 02:00.0, VFs 02:10.0, 02:10.2
#
# MACHINE: sriov, or no-iommu (the same without one). Ends after LIMIT seconds
# (default 420) at the latest.
set -euo pipefail
folder=$1 machine=$2 task=$3

run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
cp "$task" "$run/task"
# A second archive behind the first: whatever the paths, the guest finds it.
{ cat "$folder/initrd.gz"; (cd "$run" && echo task | cpio -o -H newc -R 0:0 --quiet | gzip -1); } >"$run/initrd.gz"

iommu=(-device "intel-iommu,intremap=on,caching-mode=on")
[ "$machine" != no-iommu ] || iommu=()

# Not KVM, even where there is one: what is emulated must be the same everywhere.
# One thread for both CPUs: with two, code that the kernel patches in one while
# it runs in the other has crashed guests.
# Strings are copied byte by byte where the CPU claims to be quick at that.
# The guest's virtio port is QEMU's own monitor, by which a test pulls cables.
# no_timer_check: on a loaded host the timer's test at boot comes too late and the kernel gives up.
status=0
timeout --foreground -k 5 "${LIMIT:-420}" qemu-system-x86_64 \
  -nodefaults -no-user-config -display none -no-reboot \
  -M q35,kernel-irqchip=split -accel tcg,thread=single -cpu max,erms=off,fsrm=off -smp 1 -m 1536 \
  "${iommu[@]}" \
  -chardev stdio,id=console,signal=off -serial chardev:console \
  -chardev "socket,id=monitor,path=$run/monitor,server=on,wait=off" -mon chardev=monitor,mode=control \
  -chardev "socket,id=control,path=$run/monitor" -device virtio-serial-pci \
  -device virtserialport,chardev=control,name=monitor \
  -fsdev local,id=fs0,path=/,security_model=none,readonly=on,multidevs=remap \
  -device virtio-9p-pci,fsdev=fs0,mount_tag=root \
  -netdev hubport,id=pf0,hubid=0 -netdev hubport,id=c,hubid=0 \
  -netdev hubport,id=pf1,hubid=1 -netdev hubport,id=s,hubid=1 \
  -device pcie-root-port,id=rp0,chassis=1,slot=1,addr=4 \
  -device pcie-root-port,id=rp1,chassis=2,slot=2,addr=5 \
  -device igb,bus=rp0,netdev=pf0,mac=02:00:00:00:0a:00 \
  -device igb,bus=rp1,netdev=pf1,mac=02:00:00:00:0b:00 \
  -device virtio-net-pci,netdev=c,mac=02:00:00:00:00:01,addr=8 \
  -device virtio-net-pci,netdev=s,mac=02:00:00:00:00:02,addr=9 \
  -kernel "$folder/vmlinuz" -initrd "$run/initrd.gz" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 intel_iommu=on iommu=pt no_timer_check" || status=$?
[ "$status" != 124 ] || echo "the guest was ended after ${LIMIT:-420} s"
exit "$status"

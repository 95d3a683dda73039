#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Makes one SR-IOV virtual function on each given physical function, fit for a
# wire (foreign MAC addresses pass both ways), and hands it to DPDK.
#
#   vfs.sh [options] PF PF             PF: kernel interface (ens1f0)
#   vfs.sh --undo PF PF                no virtual functions any more
#
#   --mac MAC,MAC      addresses of the VFs, in the order of the PFs (else made up by the PF)
#   --pages N          2-MiB hugepages on the NUMA node of the first PF (default 2048; 0: leave)
#   --driver NAME      default vfio-pci
#   --dry-run          print the commands, do nothing
#   -h, --help
#
# Prints the VFs' PCI addresses last: --lan and --wan of sluice.sh, or the ports
# of a generator. As root. One VF on each of two PFs: two VFs of one PF would
# reach each other through the NIC's own switch, past the cable.
set -euo pipefail

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }
die() { printf 'vfs: %s\n' "$*" >&2; exit 2; }

macs='' pages=2048 driver=vfio-pci dry='' undo='' pfs=()
while [ $# -gt 0 ]; do
  case "$1" in
    --mac) macs=${2:?}; shift 2 ;;
    --pages) pages=${2:?}; shift 2 ;;
    --driver) driver=${2:?}; shift 2 ;;
    --dry-run) dry=1; shift ;;
    --undo) undo=1; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) die "unknown option $1 (--help)" ;;
    *) pfs+=("$1"); shift ;;
  esac
done
[ ${#pfs[@]} -gt 0 ] || { usage >&2; exit 2; }
IFS=, read -r -a mac <<<"$macs"

run() {
  echo "+ $*"
  [ -n "$dry" ] || "$@"
}
write() { # VALUE FILE
  echo "+ echo $1 > $2"
  [ -n "$dry" ] || echo "$1" >"$2"
}

[ -n "$dry" ] || [ "$(id -u)" -eq 0 ] || die "needs root"
addresses=()
for i in "${!pfs[@]}"; do
  pf=${pfs[$i]}
  device=/sys/class/net/$pf/device
  [ -n "$dry" ] || [ -e "$device/sriov_numvfs" ] || die "$pf has no SR-IOV (BIOS, kernel command line intel_iommu=on)"
  write 0 "$device/sriov_numvfs"
  [ -n "$undo" ] && continue
  write 1 "$device/sriov_numvfs"
  run ip link set "$pf" up promisc on
  # Pause frames would let the generator wait instead of losing: no drop, no truth.
  run ethtool -A "$pf" rx off tx off || echo "vfs: $pf does not let flow control be set; see that it is off" >&2
  [ -n "${mac[$i]:-}" ] && run ip link set "$pf" vf 0 mac "${mac[$i]}"
  run ip link set "$pf" vf 0 spoofchk off
  run ip link set "$pf" vf 0 trust on
  # i40e and ice keep a trusted VF's promiscuous mode small without this flag.
  run ethtool --set-priv-flags "$pf" vf-true-promisc-support on 2>/dev/null || true
  if [ -n "$dry" ]; then
    vf="VF-OF-$pf"
  else
    vf=$(basename "$(readlink -f "$device/virtfn0")")
  fi
  run dpdk-devbind.py --bind="$driver" "$vf"
  addresses+=("$vf")
done
[ -n "$undo" ] && exit 0

if [ "$pages" -gt 0 ]; then
  node=$(cat "/sys/class/net/${pfs[0]}/device/numa_node" 2>/dev/null || echo 0)
  [ "$node" -ge 0 ] || node=0
  write "$pages" "/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
  echo "NUMA node $node: take lcores from $(cat "/sys/devices/system/node/node$node/cpulist" 2>/dev/null || echo '?')"
fi
echo "${addresses[*]}"

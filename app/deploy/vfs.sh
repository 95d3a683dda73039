#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Makes SR-IOV virtual functions fit for Sluice and hands them to DPDK, and
# reserves hugepages. What is so already stays untouched, so that it can run again
# at any time, under a running appliance too.
#
#   vfs.sh [options] PF PF...     PF: kernel interface (ens1f0) or PCI address (0000:81:00.0)
#   vfs.sh --undo PF PF...        no virtual functions any more; hugepages stay
#
#   --vfs N            virtual functions on each PF (default 1)        $SLUICE_VFS
#   --mac MAC,MAC      their addresses: all of the first PF, then of   $SLUICE_MACS
#                      the next (default: as the PF has them)
#   --spoofchk WORD    off (default), on, keep                         $SLUICE_SPOOFCHK
#   --trust WORD       on (default), off, keep                         $SLUICE_TRUST
#   --driver NAME      default vfio-pci; a PF whose driver is          $SLUICE_DRIVER
#                      bifurcated (mlx5_core, mlx4_core) keeps its own
#   --pages N          hugepages on each PF's NUMA node (default 0:    $SLUICE_PAGES
#                      leave); never takes any away
#   --page-kb N        their size, 2048 (default) or 1048576           $SLUICE_PAGE_KB
#   --no-pause         pause frames off: for benchmarks
#   --wait SECONDS     for the PFs to appear (default 0)               $SLUICE_WAIT
#   --dry-run          print the commands, do nothing
#   -h, --help
#
# The variables at the right are the defaults, PFs by $SLUICE_PFS: so
# sluice-host.service runs it. Prints the VFs' PCI addresses last. As root.
#
# Refuses an interface that carries the default route or this session. Exit codes:
# 0 all is so, 1 the host does not let it, 2 refused or not understood.
#
# A wire wants one VF on each of two PFs: two VFs of one PF reach each other
# through the NIC's own switch, past the cable.
set -euo pipefail

sys=${SLUICE_SYS:-/sys} proc=${SLUICE_PROC:-/proc} # for the tests

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }
die() { printf 'vfs: %s\n' "$*" >&2; exit 2; }
fail() { printf 'vfs: %s\n' "$*" >&2; exit 1; }
warn() { printf 'vfs: %s\n' "$*" >&2; }

vfs=${SLUICE_VFS:-1} macs=${SLUICE_MACS:-} spoofchk=${SLUICE_SPOOFCHK:-off} trust=${SLUICE_TRUST:-on}
driver=${SLUICE_DRIVER:-vfio-pci} pages=${SLUICE_PAGES:-0} page_kb=${SLUICE_PAGE_KB:-2048}
wait=${SLUICE_WAIT:-0} no_pause='' dry='' undo='' pfs=()
while [ $# -gt 0 ]; do
  case "$1" in
    --vfs) vfs=${2:?}; shift 2 ;;
    --mac) macs=${2:?}; shift 2 ;;
    --spoofchk) spoofchk=${2:?}; shift 2 ;;
    --trust) trust=${2:?}; shift 2 ;;
    --driver) driver=${2:?}; shift 2 ;;
    --pages) pages=${2:?}; shift 2 ;;
    --page-kb) page_kb=${2:?}; shift 2 ;;
    --wait) wait=${2:?}; shift 2 ;;
    --no-pause) no_pause=1; shift ;;
    --dry-run) dry=1; shift ;;
    --undo) undo=1; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) die "unknown option $1 (--help)" ;;
    *) pfs+=("$1"); shift ;;
  esac
done
[ ${#pfs[@]} -gt 0 ] || read -r -a pfs <<<"${SLUICE_PFS:-}"
[ ${#pfs[@]} -gt 0 ] || { usage >&2; exit 2; }
for number in "$vfs" "$pages" "$page_kb" "$wait"; do
  [[ $number =~ ^[0-9]+$ ]] || die "'$number' is no number"
done
[ "$vfs" -ge 1 ] || die "--vfs: at least 1 (none: --undo)"
for word in "$spoofchk" "$trust"; do
  [[ $word =~ ^(on|off|keep)$ ]] || die "'$word': on, off or keep"
done
IFS=, read -r -a mac <<<"$macs"
[[ ${#mac[@]} -eq 0 || ${#mac[@]} -eq $((vfs * ${#pfs[@]})) ]] ||
  die "--mac: ${#mac[@]} addresses for $((vfs * ${#pfs[@]})) virtual functions"
for address in "${mac[@]}"; do
  # The first byte's lowest bit says multicast.
  [[ $address =~ ^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$ ]] || die "'$address' is no unicast MAC address"
done
[ -n "$dry" ] || [ "$(id -u)" -eq 0 ] || [ "$sys" != /sys ] || die "needs root"

run() {
  echo "+ $*"
  [ -n "$dry" ] || "$@"
}
write() { # VALUE FILE
  echo "+ echo $1 > $2"
  [ -n "$dry" ] || echo "$1" >"$2"
}

# --- which devices --------------------------------------------------------

# device_of PF: its folder below /sys/bus/pci/devices; nothing if there is none.
device_of() {
  local folder=$sys/class/net/$1/device
  [[ $1 == *:*:*.* ]] && folder=$sys/bus/pci/devices/$1
  [ -e "$folder" ] && readlink -f "$folder"
}
# One word each, or nothing.
interface_of() {
  local name
  for name in "$1"/net/*; do
    [ ! -e "$name" ] || { echo "${name##*/}"; return; }
  done
}
driver_of() { [ -e "$1/driver" ] && basename "$(readlink -f "$1/driver")"; }

# What lies beneath an interface: a bond's, bridge's or VLAN's ports, itself if none.
beneath() {
  local lower found=''
  for lower in "$sys/class/net/$1"/lower_*; do
    [ -e "$lower" ] || continue
    found=1
    beneath "${lower##*/lower_}"
  done
  [ -n "$found" ] || echo "$1"
}

# The client's address if this is an SSH session: sudo takes the variable away from us,
# not from those whom we come from.
session() {
  local process=$$ client=${SSH_CONNECTION:-}
  while [ -z "$client" ] && [ "${process:-0}" -gt 1 ]; do
    client=$(tr '\0' '\n' 2>/dev/null <"$proc/$process/environ" | sed -n 's/^SSH_CONNECTION=//p') || true
    process=$(sed -n 's/^PPid:[[:space:]]*//p' "$proc/$process/status" 2>/dev/null) || true
  done
  echo "${client%% *}"
}

# The interfaces that this machine is reached by: default routes of all tables, with all
# their next hops, and halves of all addresses, which are default routes by another name.
# Fails if it cannot tell.
precious() {
  local client routes name
  client=$(session)
  routes=$(
    ip -4 route show table all match 0.0.0.0/1 && ip -4 route show table all match 128.0.0.0/1 &&
      { [ ! -e "$proc/net/ipv6_route" ] || ip -6 route show table all match 2000::/3; } &&
      { [ -z "$client" ] || ip route get "$client"; }
  ) || return 1
  { grep -o 'dev [^ ]*' <<<"$routes" || true; } | sed 's/^dev //' | sort -u | while read -r name; do
    [ "$name" = lo ] || { echo "$name"; beneath "$name"; }
  done
}
guard() { # INTERFACE
  [[ -z $1 || " $precious " != *" $1 "* ]] ||
    die "$1 carries the default route or this session: refused (move the route to another interface first)"
}

# --- one PF ---------------------------------------------------------------

# What the PF says of its VF number $2.
vf_line() { ip link show dev "$1" 2>/dev/null | sed -n "s/^ *vf $2 /vf $2 /p"; }

# Setting what is set already would reset the VF under its application.
set_vf() { # PF INDEX ITEM WANTED PATTERN
  [[ $(vf_line "$1" "$2") == *"$5"* ]] && return 0
  run ip link set "$1" vf "$2" "$3" "$4" || warn "$1 does not let $3 of VF $2 be set; see docs/deploy-sriov.md"
}

create() { # DEVICE PF COUNT
  local now=0 autoprobe before=1 made=''
  [ -r "$1/sriov_numvfs" ] && now=$(<"$1/sriov_numvfs")
  [ "$now" -ge "$3" ] && return 0
  [ "$now" -eq 0 ] || die "$2 has $now virtual functions, $3 are wanted; more need --undo first, which takes these away"
  # Nobody but us shall take them; the kernel's VF driver would be first.
  autoprobe=$1/sriov_drivers_autoprobe
  [ -n "$dry" ] || [ -e "$autoprobe" ] || autoprobe=''
  if [ -n "$autoprobe" ]; then
    [ ! -r "$autoprobe" ] || before=$(<"$autoprobe")
    write 0 "$autoprobe"
  fi
  write "$3" "$1/sriov_numvfs" && made=1
  [ -z "$autoprobe" ] || write "$before" "$autoprobe" # as it was: somebody may want VFs for guests
  [ -n "$made" ] || fail "$2: the kernel creates no virtual functions (dmesg says why)"
}

bind() { # VF WANTED
  local device=$sys/bus/pci/devices/$1 now
  now=$(driver_of "$device") || now=''
  [ "$now" = "$2" ] && return 0
  write "$2" "$device/driver_override"
  [ -z "$now" ] || write "$1" "$device/driver/unbind"
  write "$1" "$sys/bus/pci/drivers_probe"
  [ -n "$dry" ] && return 0
  now=$(driver_of "$device") || now=none
  [ "$now" = "$2" ] || fail "$1 is with driver $now, not $2 (dmesg says why; IOMMU on?)"
}

# All of a VF's IOMMU group must be free for vfio, else opening it fails.
group_of() { # VF
  local other name
  for other in "$sys/bus/pci/devices/$1/iommu_group/devices"/*; do
    [ -e "$other" ] || continue
    name=$(driver_of "$other") || continue
    [[ $name == vfio-pci || $name == pcieport || ${other##*/} == "$1" ]] ||
      warn "$1 shares its IOMMU group with ${other##*/} ($name): vfio will not open it (ACS in BIOS, another slot)"
  done
}

prepare() { # NUMBER PF
  local device pf=$2 pf_driver wanted=$driver i vf number
  device=$(device_of "$2") || device=$sys/class/net/$2/device
  [[ $2 == *:*:*.* ]] && pf=$(interface_of "$device")
  [ -n "$pf" ] || [ -n "$dry" ] || fail "$2 has no kernel interface: its MAC addresses and trust are set through one"
  pf_driver=$(driver_of "$device") || true
  case $pf_driver in
    mlx4_core | mlx5_core) wanted=$pf_driver ;;
  esac
  if [ "$wanted" = vfio-pci ]; then
    if [ ! -d "$sys/bus/pci/drivers/vfio-pci" ]; then run modprobe vfio-pci || fail "no vfio-pci in this kernel"; fi
    if [ -z "$dry" ] && [ -z "$(ls "$sys/kernel/iommu_groups" 2>/dev/null)" ]; then
      fail "no IOMMU: switch it on in the BIOS (VT-d, AMD-Vi) and boot with intel_iommu=on iommu=pt"
    fi
  fi
  # i40e and ice: a trusted VF sees little by promiscuous mode without this
  # flag, and it has to be set before there are VFs.
  if [[ -n $dry && -z $pf_driver || $pf_driver =~ ^(i40e|ice)$ ]]; then
    if ! ethtool --show-priv-flags "$pf" 2>/dev/null | grep -q 'vf-true-promisc-support *: *on'; then
      run ethtool --set-priv-flags "$pf" vf-true-promisc-support on ||
        warn "$pf: vf-true-promisc-support is the first PF's of the card to set; see docs/deploy-sriov.md"
    fi
  fi
  create "$device" "$pf" "$vfs"
  # A VF does nothing while its PF is down.
  if [ -n "$dry" ] || ! ip link show dev "$pf" up | grep -q .; then run ip link set "$pf" up; fi
  # ixgbe lets a VF be promiscuous only while the PF is.
  if [ "$pf_driver" = ixgbe ]; then run ip link set "$pf" promisc on; fi
  if [ -n "$no_pause" ]; then
    run ethtool -A "$pf" rx off tx off || warn "$pf does not let flow control be set; see that it is off"
  fi
  for ((i = 0; i < vfs; ++i)); do
    number=$(($1 * vfs + i))
    [ -z "${mac[$number]:-}" ] || set_vf "$pf" "$i" mac "${mac[$number]}" "${mac[$number],,}"
    [ "$spoofchk" = keep ] || set_vf "$pf" "$i" spoofchk "$spoofchk" "spoof checking $spoofchk"
    [ "$trust" = keep ] || set_vf "$pf" "$i" trust "$trust" "trust $trust"
    if [ -e "$device/virtfn$i" ]; then
      vf=$(basename "$(readlink -f "$device/virtfn$i")")
    else
      [ -n "$dry" ] || fail "$pf has no VF $i"
      vf=VF$i-OF-$2
    fi
    bind "$vf" "$wanted"
    [ "$wanted" != vfio-pci ] || group_of "$vf"
    addresses+=("$vf")
  done
}

take_away() { # PF
  local device now
  device=$(device_of "$1") || device=$sys/class/net/$1/device
  now=$(cat "$device/sriov_numvfs" 2>/dev/null) || now=unknown
  [ "$now" = 0 ] || write 0 "$device/sriov_numvfs"
}

# --- hugepages ------------------------------------------------------------

reserve() { # NODE
  local folder=$sys/devices/system/node/node$1/hugepages/hugepages-${page_kb}kB now=0
  [ -n "$dry" ] || [ -d "$folder" ] || fail "this kernel has no hugepages of $page_kb kB on node $1"
  [ -r "$folder/nr_hugepages" ] && now=$(<"$folder/nr_hugepages")
  [ "$now" -ge "$pages" ] && return 0
  write "$pages" "$folder/nr_hugepages"
  [ -n "$dry" ] && return 0
  now=$(<"$folder/nr_hugepages")
  [ "$now" -ge "$pages" ] ||
    fail "node $1 gave $now hugepages of $pages: memory is in pieces; reserve at boot (app/deploy/host/)"
}

# The kernel writes 1 GiB as 1024M; one mounted without a size has the default one.
mount_hugetlbfs() {
  local option=pagesize=2M at=/dev/hugepages size='2M|2048K'
  [ "$page_kb" -lt 1048576 ] || { option=pagesize=1G at=/dev/hugepages1G size='1G|1024M'; }
  grep -qE " hugetlbfs [^ ]*pagesize=($size)([, ]|$)" "$proc/mounts" 2>/dev/null && return 0
  if grep -q "Hugepagesize: *$page_kb kB" "$proc/meminfo" &&
    grep ' hugetlbfs ' "$proc/mounts" | grep -qv pagesize=; then return 0; fi
  # systemd mounts the default size there, which may be the other one: two on one folder,
  # and DPDK waits for itself.
  ! grep -q "^[^ ]* $at hugetlbfs" "$proc/mounts" || at=/dev/hugepages2M
  run mkdir -p "$at"
  run mount -t hugetlbfs -o "$option" hugetlbfs "$at"
}

# --- all of it: every refusal comes before the first change ---------------

precious=$(precious) || die "\`ip route\` does not tell by which interface this machine is reached: refused"
precious=${precious//$'\n'/ }
for pf in "${pfs[@]}"; do
  for ((second = 0; second < wait; ++second)); do
    [ -z "$(device_of "$pf")" ] || break
    sleep 1
  done
  if device=$(device_of "$pf"); then
    guard "$(interface_of "$device")"
    for vf in "$device"/virtfn*; do guard "$(interface_of "$vf")"; done
    [ -n "$dry" ] || [ -e "$device/sriov_numvfs" ] || fail "$pf has no SR-IOV (BIOS; NVIDIA: SRIOV_EN in firmware)"
    total=$(cat "$device/sriov_totalvfs" 2>/dev/null || echo "$vfs")
    [ "$vfs" -le "$total" ] || die "$pf can have $total virtual functions, not $vfs"
  else
    guard "$pf"
    [ -n "$dry" ] || fail "no interface or PCI device $pf"
  fi
done

if [ -n "$undo" ]; then
  for pf in "${pfs[@]}"; do take_away "$pf"; done
  exit 0
fi

if [ "$pages" -gt 0 ]; then
  nodes=()
  for pf in "${pfs[@]}"; do
    device=$(device_of "$pf") || device=/nowhere
    node=$(cat "$device/numa_node" 2>/dev/null || echo 0)
    [ "$node" -ge 0 ] || node=0
    [[ " ${nodes[*]} " == *" $node "* ]] || nodes+=("$node")
  done
  for node in "${nodes[@]}"; do
    reserve "$node"
    echo "NUMA node $node: take lcores from $(cat "$sys/devices/system/node/node$node/cpulist" 2>/dev/null || echo '?')"
  done
  mount_hugetlbfs
fi

addresses=()
for i in "${!pfs[@]}"; do prepare "$i" "${pfs[$i]}"; done
echo "${addresses[*]}"

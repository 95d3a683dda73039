#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# app/deploy: the scripts' syntax, help and refusals; vfs.sh against a model of sysfs and
# of iproute2; the units through systemd's own reader, where there is one.
#   deploy_test.sh ROOT
set -euo pipefail
root=$1
cd "$root/app/deploy"
failed=0
fail() { echo "FAIL: $*"; failed=1; }
has() { # OUTPUT WORD...
  local output=$1 word
  shift
  for word in "$@"; do
    [[ $output == *"$word"* ]] || fail "'$word' is not in: $output"
  done
}
refused() { # COMMAND...
  local status=0 said
  said=$("$@" 2>&1 >/dev/null) || status=$?
  [[ $status -eq 2 && -n $said ]] || fail "$*: exit $status, said '$said'"
}

scripts=(vfs.sh container/start.sh container/runtime-packages.sh)
for script in *.sh */*.sh; do
  [[ " ${scripts[*]} " == *" $script "* ]] || fail "$script is not tested"
done
for script in "${scripts[@]}"; do
  bash -n "$script" || fail "$script: syntax"
  [ -x "$script" ] || fail "$script: not executable"
  has "$("./$script" --help)" "--dry-run" "-h, --help" "$(basename "$script")"
  refused "./$script" --no-such-option
done
if command -v shellcheck >/dev/null; then
  shellcheck --severity=warning "${scripts[@]}" "$root/tests/kits/deploy_test.sh" || fail shellcheck
fi

# --- vfs.sh on a machine that is not there ------------------------------------

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SLUICE_SYS=$work/sys SLUICE_PROC=$work/proc FAKE_VF FAKE_ROUTE=eno1
unset SSH_CONNECTION
mkdir -p "$work/bin"
cat >"$work/bin/ip" <<'END'
#!/bin/sh
case "$*" in
  "-4 route show table all match 0.0.0.0/1") [ "$FAKE_ROUTE" != FAIL ] || exit 1
    [ -z "$FAKE_ROUTE" ] || printf 'default proto static \n\tnexthop via 192.0.2.9 dev eno1 weight 1 \n\tnexthop via 192.0.2.1 dev %s weight 1\n' "$FAKE_ROUTE" ;;
  "-4 route show table all match 128.0.0.0/1") ;;
  "-6 route show table all match 2000::/3") ;;
  "route get 203.0.113.5") echo "203.0.113.5 via 192.0.2.1 dev $FAKE_SESSION src 192.0.2.9 uid 0" ;;
  "link show dev "*) echo "2: pf: <UP> state UP"; printf '%b' "$FAKE_VF" ;;
esac
END
printf '#!/bin/sh\n' >"$work/bin/ethtool"
printf '#!/bin/sh\n' >"$work/bin/modprobe"
chmod +x "$work"/bin/*
PATH=$work/bin:$PATH

# One PF, ens1f0, with one VF on vfio-pci.
machine() { # DRIVER-OF-PF DRIVER-OF-VF ('' none)
  rm -rf "$SLUICE_SYS" "$SLUICE_PROC"
  local pci=$SLUICE_SYS/bus/pci pf vf
  pf=$pci/devices/0000:81:00.0 vf=$pci/devices/0000:81:10.0
  mkdir -p "$pf/net/ens1f0" "$vf/iommu_group/devices" "$SLUICE_PROC" "$SLUICE_SYS"/class/net/{ens1f0,eno1,bond0} \
    "$SLUICE_SYS/kernel/iommu_groups/1" "$pci/drivers"/{"$1",vfio-pci,iavf} \
    "$SLUICE_SYS/devices/system/node/node1/hugepages/hugepages-2048kB"
  ln -s "$pf" "$SLUICE_SYS/class/net/ens1f0/device"
  ln -s "$vf" "$pf/virtfn0"
  ln -s "$pci/drivers/$1" "$pf/driver"
  [ -z "$2" ] || ln -s "$pci/drivers/$2" "$vf/driver"
  ln -s "$vf" "$vf/iommu_group/devices/0000:81:10.0"
  echo 1 >"$pf/sriov_numvfs"
  echo 8 >"$pf/sriov_totalvfs"
  echo 1 >"$pf/sriov_drivers_autoprobe"
  echo 1 >"$pf/numa_node"
  echo 10 >"$SLUICE_SYS/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
  echo "none /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0" >"$SLUICE_PROC/mounts"
  touch "$pci/drivers_probe" "$SLUICE_PROC/meminfo"
  FAKE_VF='    vf 0     link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff, spoof checking off, link-state auto, trust on\n'
}
pf=$SLUICE_SYS/bus/pci/devices/0000:81:00.0 vf=$SLUICE_SYS/bus/pci/devices/0000:81:10.0
# changes COMMAND...: its exit code, then the commands that it ran.
changes() {
  local status=0 out
  out=$("$@" 2>"$work/said") || status=$?
  echo "$status"
  grep '^+' <<<"$out" || true
}

machine igb vfio-pci
[ "$(./vfs.sh ens1f0)" = 0000:81:10.0 ] || fail "a machine that is ready: $(./vfs.sh ens1f0)"
[ "$(SLUICE_PFS=0000:81:00.0 ./vfs.sh --mac 02:00:00:00:00:01 --pages 10)" = \
  "NUMA node 1: take lcores from ?"$'\n'"0000:81:10.0" ] || fail "the same by PCI address and environment"

[ "$(FAKE_ROUTE='' ./vfs.sh ens1f0)" = 0000:81:10.0 ] || fail "a machine without a default route"

FAKE_VF=${FAKE_VF/checking off/checking on}
[ "$(changes ./vfs.sh ens1f0)" = $'0\n+ ip link set ens1f0 vf 0 spoofchk off' ] || fail "spoof check"
[ "$(changes ./vfs.sh --spoofchk keep ens1f0)" = 0 ] || fail "spoof check kept"
has "$(changes ./vfs.sh --mac 02:00:00:00:00:02 ens1f0)" "vf 0 mac 02:00:00:00:00:02"
has "$(changes ./vfs.sh --pages 20 ens1f0)" "echo 20 > "
[ "$(cat "$SLUICE_SYS/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages")" = 20 ] || fail "hugepages"

# What carries the default route is refused, before anything changes.
for route in ens1f0 bond0; do
  machine igb ''
  touch "$SLUICE_SYS/class/net/bond0/lower_ens1f0"
  echo 0 >"$pf/sriov_numvfs"
  FAKE_ROUTE=$route refused ./vfs.sh --pages 99 ens1f0
  FAKE_ROUTE=$route refused ./vfs.sh --undo ens1f0
  [[ $(<"$pf/sriov_numvfs") == 0 && ! -e $vf/driver_override ]] || fail "refused, yet changed"
done
machine igb iavf
mkdir -p "$vf/net/eth7"
FAKE_ROUTE=eth7 refused ./vfs.sh ens1f0
# A session that only those know whom sudo comes from; and routes that cannot be asked for.
mkdir -p "$SLUICE_PROC/700" "$SLUICE_PROC/600"
export FAKE_SESSION=eth7
cat >"$work/as-sudo" <<END
#!/bin/bash
mkdir -p "$SLUICE_PROC/\$\$"
printf 'Name:\\tvfs.sh\\nPPid:\\t700\\n' >"$SLUICE_PROC/\$\$/status"
exec ./vfs.sh "\$@"
END
chmod +x "$work/as-sudo"
printf 'Name:\tsudo\nPPid:\t600\n' >"$SLUICE_PROC/700/status"
printf 'A=1\0B=2\0' >"$SLUICE_PROC/700/environ"
printf 'Name:\tbash\nPPid:\t1\n' >"$SLUICE_PROC/600/status"
[ "$(changes "$work/as-sudo" --dry-run ens1f0 | head -n 1)" = 0 ] || fail "nobody's session is refused: $(<"$work/said")"
printf 'HOME=/\0SSH_CONNECTION=203.0.113.5 50123 192.0.2.9 22\0' >"$SLUICE_PROC/600/environ"
for option in '' --undo; do
  refused "$work/as-sudo" $option ens1f0
  FAKE_ROUTE=FAIL refused ./vfs.sh $option ens1f0
done
refused ./vfs.sh --vfs 2 ens1f0 # one is there and may be in use
refused ./vfs.sh --vfs 9 ens1f0
refused ./vfs.sh --mac 01:00:00:00:00:01 ens1f0
refused ./vfs.sh --mac 02:00:00:00:00:01,02:00:00:00:00:02 ens1f0

# 1-GiB pages are the default, and mounted where those of 2 MiB would go.
machine igb vfio-pci
echo "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=1024M 0 0" >"$SLUICE_PROC/mounts"
echo "Hugepagesize:    1048576 kB" >"$SLUICE_PROC/meminfo"
has "$(changes ./vfs.sh --dry-run --pages 10 ens1f0)" "mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages2M"
mkdir -p "$SLUICE_SYS/devices/system/node/node1/hugepages/hugepages-1048576kB"
echo 4 >"$SLUICE_SYS/devices/system/node/node1/hugepages/hugepages-1048576kB/nr_hugepages"
[ "$(changes ./vfs.sh --page-kb 1048576 --pages 4 ens1f0)" = 0 ] || fail "1-GiB pages are mounted already"

# Whoever has switched it off, for guests, finds it so, also where it went wrong.
machine igb ''
echo 0 >"$pf/sriov_numvfs"
echo 0 >"$pf/sriov_drivers_autoprobe"
changes ./vfs.sh ens1f0 >/dev/null
[ "$(<"$pf/sriov_drivers_autoprobe")" = 0 ] || fail "autoprobe was switched on"
echo 1 >"$pf/sriov_drivers_autoprobe"
rm "$pf/sriov_numvfs"
mkdir "$pf/sriov_numvfs" # nothing can be written to it
out=$(changes ./vfs.sh ens1f0)
[ "$(<"$pf/sriov_drivers_autoprobe")" = 1 ] || fail "autoprobe was left off: $out"

# This kernel binds nothing, which is told; what was to be written is.
machine ice ''
echo 0 >"$pf/sriov_numvfs"
out=$(changes ./vfs.sh ens1f0)
has "$out" "vf-true-promisc-support on" "echo 0 > $pf/sriov_drivers_autoprobe" "echo 1 > $pf/sriov_drivers_autoprobe"
[[ ${out%%$'\n'*} == 1 && $(<"$work/said") == *"is with driver none"* ]] || fail "binding failed, unsaid: $out"
[ "$(cat "$pf/sriov_numvfs" "$vf/driver_override" "$SLUICE_SYS/bus/pci/drivers_probe" | tr '\n' ' ')" = \
  "1 vfio-pci 0000:81:10.0 " ] || fail "what was written"
machine igb vfio-pci
rmdir "$SLUICE_SYS/kernel/iommu_groups/1"
out=$(changes ./vfs.sh ens1f0)
[[ $out == 1 && $(<"$work/said") == *intel_iommu=on* ]] || fail "no IOMMU: $out"
machine mlx5_core mlx5_core
[ "$(changes ./vfs.sh ens1f0)" = 0 ] || fail "a bifurcated VF stays with its driver"
machine ixgbe vfio-pci
has "$(changes ./vfs.sh ens1f0)" "ip link set ens1f0 promisc on"
[ "$(changes ./vfs.sh --undo ens1f0)" = $'0\n+ echo 0 > '"$pf/sriov_numvfs" ] || fail "undo"
[ "$(<"$pf/sriov_numvfs")" = 0 ] || fail "undo"
refused ./vfs.sh

# --- start.sh -----------------------------------------------------------------

touch "$work/c.toml"
export PCIDEVICE_X_LAN=0000:81:10.0 PCIDEVICE_X_WAN=0000:82:10.0,0000:82:10.1
out=$(SLUICE_CPUS=3,7-9 container/start.sh --dry-run --config "$work/c.toml" --ports PCIDEVICE_X_LAN,PCIDEVICE_X_WAN)
has "${out//\\/}" "run -c" "port[0].device=0000:81:10.0" "port[2].device=0000:82:10.1" \
  "lane=[{ lcore = 7 }, { lcore = 8 }, { lcore = 9 }]"
has "$(SLUICE_CPUS=3 container/start.sh --dry-run --config "$work/c.toml" | tr -d '\\')" "lane=[{ lcore = 3 }]"
out=$(container/start.sh --dry-run --lanes keep --check --config "$work/c.toml" -- --json)
[[ $out != *lane* && $out == *"check -c"*--json* ]] || fail "lanes kept: $out"
SLUICE_CPUS=3-4 refused container/start.sh --dry-run --lanes 2 --config "$work/c.toml"
refused container/start.sh --dry-run --config "$work/c.toml" --ports PCIDEVICE_NOT_SET
PCIDEVICE_X_LAN=eth0 refused container/start.sh --dry-run --config "$work/c.toml" --ports PCIDEVICE_X_LAN

# --- units --------------------------------------------------------------------

if command -v systemd-analyze >/dev/null; then
  mkdir "$work/units"
  for unit in systemd/*.service; do
    # Its programs are not installed here; the reader wants to see them.
    sed 's#=/usr/local/[^ ]*#=/bin/true#' "$unit" >"$work/units/$(basename "$unit" | sed 's/@/@edge/')"
  done
  said=$(systemd-analyze verify --man=no "$work"/units/*.service 2>&1) || fail "systemd-analyze: $said"
  [ -z "$said" ] || fail "systemd-analyze: $said"
else
  echo "no systemd-analyze: the units are not read"
fi
# WatchdogSec without the program's WATCHDOG=1 would end it every time, and the other
# way round nobody would listen.
said=$(grep -rl '"WATCHDOG=1"' "$root"/app/*.cc || true)
if grep -q '^WatchdogSec=' systemd/sluice@.service; then asked=1; else asked=''; fi
[ "${said:+1}" = "$asked" ] || fail "WatchdogSec: '$asked', WATCHDOG=1 in '$said'"

# Where the findings of `sluice check` lead.
for topic in hugepages iommu vfio binding trust mac queues numa offloads rights cpus link mtu; do
  grep -q "^### $topic\$" "$root/docs/deploy-sriov.md" || fail "docs/deploy-sriov.md has no heading $topic"
done

[ $failed -eq 0 ] && echo "scripts and units of deploy: fine"
exit $failed

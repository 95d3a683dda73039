#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# prepare.sh FOLDER: the guest's kernel and initial file system, FOLDER/vmlinuz and
# FOLDER/initrd.gz, from Debian's packages, which are unpacked and never installed.
# What is there stays, unless this script or init has changed. Exit code 77: not
# to be had here, and why.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
. "$here/../../app/backports.sh"

skip() { echo "$*"; exit 77; }

stamp=$(cat "$here/prepare.sh" "$here/init" | sha256sum)
if [ -s "$folder/vmlinuz" ] && [ -s "$folder/initrd.gz" ] && [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
for tool in apt-get dpkg depmod modprobe cpio xz gzip; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || skip "$tool is not installed (app/install-deps.sh --tests)"
done
PATH=$PATH:/usr/sbin:/sbin

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt downloads as a user of its own

use_backports "$work/apt" || skip "no kernel for the guest: Debian's archive is out of reach ($(tail -n 1 "$work/apt/update.log" 2>/dev/null))"
# By query: the version moves. The "cloud" flavour has neither igb nor 9p.
kernel=$(apt-cache "${backports_apt[@]}" depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }') || kernel=
[ -n "$kernel" ] || skip "no kernel for the guest: Debian's archive does not have it, or cannot be reached"
(cd "$work" && apt-get "${backports_apt[@]}" -qq download "$kernel" busybox-static) >"$work/log" 2>&1 ||
  skip "no kernel for the guest: $kernel cannot be fetched ($(tail -n 1 "$work/log"))"
dpkg -x "$work"/linux-image-*.deb "$work/kernel"
dpkg -x "$work"/busybox-static_*.deb "$work/busybox"

release=$(ls "$work/kernel/lib/modules" 2>/dev/null || ls "$work/kernel/usr/lib/modules")
modules=$work/kernel/lib/modules
[ -d "$modules" ] || { mkdir -p "$work/kernel/lib"; ln -s ../usr/lib/modules "$modules"; }
depmod -b "$work/kernel" "$release"

# The modules keep their place, so that modprobe works in the guest, too.
root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,host,rw,new,lib/modules/"$release"}
cp "$work/busybox/bin/busybox" "$root/bin/" 2>/dev/null || cp "$work/busybox/usr/bin/busybox" "$root/bin/"
for applet in sh mount mkdir modprobe switch_root cat cp; do ln -s busybox "$root/bin/$applet"; done
for module in 9pnet_virtio 9p overlay virtio_net virtio_console macvlan 8021q igb igbvf vfio_iommu_type1 vfio-pci; do
  modprobe -d "$work/kernel" -S "$release" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
done | sort -u | while read -r file; do
  target=$root/lib/modules/$release/${file#*/lib/modules/"$release"/}
  mkdir -p "$(dirname "$target")"
  case $file in
    *.xz) xz -dc "$file" >"${target%.xz}" ;;
    *) cp "$file" "$target" ;;
  esac
done
cp "$modules/$release"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$release/"
depmod -b "$root" "$release"
cp "$here/init" "$root/init"
chmod 755 "$root/init"
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) | gzip -1 >"$work/initrd.gz"

cp "$work/kernel/boot/vmlinuz-$release" "$folder/vmlinuz"
mv "$work/initrd.gz" "$folder/initrd.gz"
echo "$stamp" >"$folder/stamp"
echo "the guest's kernel: $release"

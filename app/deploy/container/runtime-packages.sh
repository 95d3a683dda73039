#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# The Debian packages that a built sluice needs at run time, one a line: those of its
# shared libraries, and DPDK's drivers, which are loaded as plug-ins.
#
#   runtime-packages.sh BINARY
#   -h, --help
#   --dry-run          the files it would ask dpkg about, not the packages
set -euo pipefail

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }
die() { printf 'runtime-packages: %s\n' "$*" >&2; exit 2; }

binary='' dry=''
while [ $# -gt 0 ]; do
  case "$1" in
    --dry-run) dry=1; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) die "unknown option $1 (--help)" ;;
    *) binary=$1; shift ;;
  esac
done
[ -x "$binary" ] || die "a built sluice, please (--help)"

libraries=$(ldd "$binary" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u)
[[ $libraries == *librte_eal* ]] || die "$binary is not linked with DPDK's shared libraries"
if [ -n "$dry" ]; then
  echo "$libraries"
  exit 0
fi
{
  # dpkg knows a file by one of its two paths, /lib or /usr/lib.
  while read -r file; do
    dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "$(readlink -f "$file")" 2>/dev/null ||
      dpkg-query -S "${file#/usr}" 2>/dev/null || dpkg-query -S "/usr$file" 2>/dev/null ||
      die "no package has $file"
  done <<<"$libraries" | sed 's/:.*//'
  echo librte-meta-bus
  echo librte-meta-mempool
  echo librte-meta-net
  echo ibverbs-providers # mlx5's and mlx4's part of libibverbs
} | sort -u

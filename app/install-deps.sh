#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Installs what Sluice needs from Debian's own packages (12 "bookworm", 13
# "trixie"), and only what is missing.
#
#   app/install-deps.sh           to build and run
#   app/install-deps.sh --tests   and for tests/run.sh: clients, servers, clang, valgrind; QEMU,
#                                 which may be missing: tests/vm is skipped then
#   app/install-deps.sh --bench   and for bench/: testpmd, nftables, iperf3, ndpiReader; Suricata 7,
#                                 which may be missing: bench/dpi measures Sluice alone then
set -euo pipefail

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
die() { printf 'install-deps: %s\n' "$*" >&2; exit 1; }

build=(
  g++ meson ninja-build pkgconf ccache
  libdpdk-dev dpdk libhyperscan-dev libndpi-dev libgcrypt20-dev libssl-dev
  libtoml11-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libpcap-dev libpcre2-dev zlib1g-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  iproute2 ethtool
)
tests=(
  clang libclang-rt-dev valgrind python3 python3-yaml lua5.4
  curl openssl dnsutils dnsmasq-base netcat-openbsd openssh-client openssh-server
  nginx-light iputils-ping iperf3 tcpdump
  cpio kmod xz-utils
)
bench=(python3 dpdk-dev nftables iperf3 procps openssl libndpi-bin)

wanted=("${build[@]}") qemu= suricata=
for option in "$@"; do
  case "$option" in
    --tests) wanted+=("${tests[@]}") qemu=1 ;;
    --bench) wanted+=("${bench[@]}") suricata=1 ;;
    *) die "unknown option '$option' (known: --tests, --bench)" ;;
  esac
done

[ -r /etc/os-release ] && . /etc/os-release
case "${ID:-}:${VERSION_ID:-}" in
  debian:12 | debian:13) ;;
  *) echo "install-deps: made for Debian 12 and 13, this is ${PRETTY_NAME:-unknown}; going on" >&2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
    missing+=("$package")
done

# tests/vm needs an SR-IOV NIC in QEMU, which has one from version 8 on; Debian 12
# has that in its backports.
has_qemu() { qemu-system-x86_64 -device igb,help >/dev/null 2>&1; }
[ -z "$qemu" ] || ! has_qemu || qemu=

# bench/dpi compares with Suricata 7, which Debian 13 has, and Debian 12 in its backports.
has_suricata() { suricata -V 2>/dev/null | grep -Eq 'version ([7-9]|[1-9][0-9])\.'; }
[ -z "$suricata" ] || ! has_suricata || suricata=

if [ ${#missing[@]} -eq 0 ]; then
  say "all ${#wanted[@]} Debian packages are there"
  [ -n "$qemu$suricata" ] || exit 0
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    [ ${#missing[@]} -eq 0 ] || die "needs root or sudo to install: ${missing[*]}"
    [ -z "$qemu" ] || echo "install-deps: no QEMU 8 or later, and neither root nor sudo to install it: tests/vm will be skipped" >&2
    [ -z "$suricata" ] || echo "install-deps: no Suricata 7, and neither root nor sudo to install it: bench/dpi goes without" >&2
    exit 0
  fi
  sudo=sudo
fi
install=($sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get)
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  $sudo apt-get update -q
  # Services that come with the packages are for the tests to start, not for boot.
  "${install[@]}" install -q -y --no-install-recommends "${missing[@]}"
fi

if [ -n "$qemu$suricata" ]; then
  newer=(${qemu:+qemu-system-x86} ${suricata:+suricata})
  say "installing ${newer[*]}"
  . "$(dirname "$0")/backports.sh"
  lists=$(mktemp -d)
  trap 'rm -rf "$lists"' EXIT
  chmod 755 "$lists"
  if use_backports "$lists"; then
    # One at a time: the archive may have one and not the other.
    for package in "${newer[@]}"; do
      "${install[@]}" "${backports_apt[@]}" install -q -y --no-install-recommends --no-remove "$package" || true
    done
  fi
  if [ -n "$qemu" ] && ! has_qemu; then
    echo "install-deps: QEMU 8 or later cannot be installed here: tests/vm will be skipped" >&2
  fi
  if [ -n "$suricata" ] && ! has_suricata; then
    echo "install-deps: Suricata 7 cannot be installed here: bench/dpi goes without" >&2
  elif [ -n "$suricata" ] && command -v systemctl >/dev/null; then
    $sudo systemctl disable -q suricata 2>/dev/null || true   # it is here to be measured
  fi
fi

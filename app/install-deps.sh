#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Installs what Sluice needs from Debian's own packages (12 "bookworm", 13
# "trixie"), and only what is missing.
#
#   app/install-deps.sh           to build and run
#   app/install-deps.sh --tests   and for tests/run.sh: clients, servers, clang, valgrind
#   app/install-deps.sh --bench   and for bench/: testpmd, nftables, iperf3
set -euo pipefail

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
die() { printf 'install-deps: %s\n' "$*" >&2; exit 1; }

build=(
  g++ meson ninja-build pkgconf ccache
  libdpdk-dev dpdk libhyperscan-dev libndpi-dev libgcrypt20-dev libssl-dev
  libtoml11-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libpcap-dev libpcre2-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  iproute2 ethtool
)
tests=(
  clang libclang-rt-dev valgrind python3 python3-yaml lua5.4
  curl openssl dnsutils dnsmasq-base netcat-openbsd openssh-client openssh-server
  nginx-light iputils-ping iperf3 tcpdump
)
bench=(python3 dpdk-dev nftables iperf3 procps)

wanted=("${build[@]}")
for option in "$@"; do
  case "$option" in
    --tests) wanted+=("${tests[@]}") ;;
    --bench) wanted+=("${bench[@]}") ;;
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
if [ ${#missing[@]} -eq 0 ]; then
  say "all ${#wanted[@]} Debian packages are there"
  exit 0
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || die "needs root or sudo to install: ${missing[*]}"
  sudo=sudo
fi
say "installing ${#missing[@]} Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
# Services that come with the packages are for the tests to start, not for boot.
$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends "${missing[@]}"

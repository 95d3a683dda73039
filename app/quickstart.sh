#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# From a fresh Debian machine to real traffic through the four stages: installs
# the packages (root or sudo), builds, and takes the sample capture through
# identity → dpi → firewall → forwarding. No NIC, no hugepages, no root beyond
# installing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }

say "1/3  Debian packages (only what is missing)"
app/install-deps.sh

say "2/3  build (in build-release/; a few minutes the first time)"
[ -f build-release/build.ninja ] ||
  meson setup build-release --buildtype=release >build-release.log 2>&1 ||
  { cat build-release.log; exit 1; }
ninja -C build-release app/sluice

say "3/3  580 packets of an office's traffic through the four stages"
sluice=build-release/app/sluice
mkdir -p out
"$sluice" replay --in app/sample/office.pcap -c app/sample/office.toml \
  --eve out/office-eve.json --out out/office-passed.pcap

cat <<EOF

What you saw: every frame of app/sample/office.pcap went through the policy of
app/sample/office.toml. The event log is in out/office-eve.json (one JSON object
a line, in the shape of Suricata's EVE), what was let through in
out/office-passed.pcap.

Try next
  - change a rule in app/sample/office.toml, then run this again
  - your own capture, everything allowed, everything logged:
      $sluice replay --in your.pcap --eve out/your-eve.json
  - the same chain spread over two cores, one line of TOML apart:
      diff config/examples/replay-run-to-completion.toml config/examples/replay-pinned-pipeline.toml
  - live, between two network namespaces or NICs: README.md, "Run it"
  - $sluice --help
EOF

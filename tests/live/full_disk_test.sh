#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# An event log on a full disk: the operator is told while the appliance runs and
# when it ends. Needs no network and no root.
set -euo pipefail
work=$(mktemp -d /tmp/sluice-live-XXXXXX)
pid=
trap '[ -n "$pid" ] && kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
fail() { printf 'FAIL: %s\n' "$*" >&2; cat "$work/log" >&2; exit 1; }

cat >"$work/sluice.toml" <<TOML
instance = "full$$"
[[lane]]
lcore = $(($(nproc) - 1))
[[port]]
name = "lan"
device = "net_null0,no-rx=1"
peer = "wan"
[[port]]
name = "wan"
device = "net_null1,no-rx=1"
peer = "lan"
[log.eve]
file = "/dev/full"
stats_interval_s = 1
TOML
"$SLUICE" run -c "$work/sluice.toml" --no-huge --socket "$work/socket" </dev/null >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 100); do
  grep -q 'not written since' "$work/log" && break
  sleep 0.1
done
grep -q '1 events were not written since the last report: /dev/full: No space left' "$work/log" ||
  fail "no warning while it runs"
kill "$pid"
status=0
wait "$pid" || status=$?
pid=
[ "$status" = 0 ] || fail "exit code $status"
grep -q 'events were not written in all: /dev/full' "$work/log" || fail "no total at the end"
echo "--- done"

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# What the live tests share: three network namespaces
#
#   client (eth0) ---- (lan) box (wan) ---- (eth0) server
#
# with `sluice run` in the box between two veth pairs, real servers on one side
# and real clients on the other. Sourced; the caller has `set -euo pipefail`.
#
#   SLUICE   the program to test (default: sluice from PATH)

SLUICE=${SLUICE:-$(command -v sluice || true)}
ID=sl$$
WORK=
STARTED=()          # processes of ours, ended by id at the end
SLUICE_PID=

V4_CLIENT=10.77.0.1 V4_SERVER=10.77.0.2 V4_OTHER=10.77.0.3
V6_CLIENT=fd77::1 V6_SERVER=fd77::2 V6_OTHER=fd77::3

say() { printf -- '--- %s\n' "$*"; }
skip() { printf 'SKIP: %s\n' "$*"; exit 77; }
fail() {
  printf 'FAIL: %s\n' "$*" >&2
  if [ -n "$WORK" ]; then
    printf '%s\n' '... servers' >&2
    tail -n 5 "$WORK/servers.log" >&2 || true
    printf '%s\n' '... sluice log' >&2
    tail -n 25 "$WORK/sluice.log" >&2 || true
    printf '%s\n' '... events' >&2
    tail -n 5 "$WORK/eve.json" >&2 || true
  fi
  exit 1
}

client() { ip netns exec "$ID-client" "$@"; }
server() { ip netns exec "$ID-server" "$@"; }
box() { ip netns exec "$ID-box" "$@"; }
attach() { "$SLUICE" attach --socket "$WORK/sluice.sock" -x "$*"; }

# in_background COMMAND...: ends with the test.
in_background() {
  "$@" </dev/null >>"$WORK/servers.log" 2>&1 &
  STARTED+=($!)
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local tenths=$(($1 * 10)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || fail "$what: not within the time"
    sleep 0.1
  done
}

clean_up() {
  local status=$? pid
  set +e
  for pid in ${SLUICE_PID:+"$SLUICE_PID"} "${STARTED[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in ${SLUICE_PID:+"$SLUICE_PID"} "${STARTED[@]}"; do wait "$pid" 2>/dev/null; done
  for side in client server box; do ip netns delete "$ID-$side" 2>/dev/null; done
  [ -n "$WORK" ] && rm -rf "$WORK"
  exit "$status"
}

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
  done
}

# plug SIDE PORT LAST: a veth pair between eth0 of SIDE and PORT of the box.
plug() {
  local side=$1 port=$2 last=$3
  ip -n "$ID-$side" link add eth0 type veth peer name "$port" netns "$ID-box"
  ip netns exec "$ID-box" sysctl -qw "net.ipv6.conf.$port.disable_ipv6=1"
  ip -n "$ID-$side" addr add "10.77.0.$last/24" dev eth0
  ip -n "$ID-$side" addr add "fd77::$last/64" dev eth0 nodad
  ip -n "$ID-$side" link set lo up
  ip -n "$ID-$side" link set eth0 up
  ip -n "$ID-box" link set "$port" up
  # Frames must be what would be on a wire: no joined segments, whole checksums.
  local off="rx off tx off tso off gso off gro off"
  # shellcheck disable=SC2086
  ip netns exec "$ID-$side" ethtool -K eth0 $off >/dev/null
  # shellcheck disable=SC2086
  box ethtool -K "$port" $off >/dev/null
}

set_up_network() {
  [ "$(id -u)" = 0 ] || skip "network namespaces need root"
  [ -n "$SLUICE" ] && [ -x "$SLUICE" ] || skip "no sluice to test (SLUICE=...)"
  need ip ethtool sysctl python3
  WORK=$(mktemp -d /tmp/sluice-live-XXXXXX)
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  ip netns add "$ID-box" 2>"$WORK/netns" || skip "no network namespaces here: $(cat "$WORK/netns")"
  ip netns add "$ID-client"
  ip netns add "$ID-server"
  plug client lan 1
  plug server wan 2
  ip -n "$ID-server" addr add "$V4_OTHER/24" dev eth0
  ip -n "$ID-server" addr add "$V6_OTHER/64" dev eth0 nodad
}

# The part of the configuration that every test has; ports are a wire. What a
# test adds comes on standard input.
write_config() {
  {
    cat <<TOML
instance = "$ID"
rss = "software"

[[port]]
name = "lan"
device = "net_af_packet0,iface=lan"
peer = "wan"

[[port]]
name = "wan"
device = "net_af_packet1,iface=wan"
peer = "lan"

[log.eve]
file = "$WORK/eve.json"

[[stage.identity.binding]]
prefix = ["$V4_CLIENT", "$V6_CLIENT"]
user = "alice"
groups = ["staff"]

[[stage.identity.binding]]
prefix = ["$V4_SERVER", "$V6_SERVER"]
service = "files"

[[stage.identity.binding]]
prefix = ["$V4_OTHER", "$V6_OTHER"]
service = "archive"

TOML
    cat
  } >"$WORK/sluice.toml"
}

# start_sluice ARGUMENT...: runs until end_sluice.
start_sluice() {
  say "sluice run -c sluice.toml $*"
  ip netns exec "$ID-box" "$SLUICE" run -c "$WORK/sluice.toml" --no-huge \
    --socket "$WORK/sluice.sock" "$@" </dev/null >"$WORK/sluice.log" 2>&1 &
  SLUICE_PID=$!
  local tenths=300
  until grep -q 'ready' "$WORK/sluice.log" 2>/dev/null; do
    kill -0 "$SLUICE_PID" 2>/dev/null || fail "sluice did not start"
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || fail "sluice is not ready"
    sleep 0.1
  done
}

# Ends the appliance, which exits with 0 only if every packet is accounted for
# and every mbuf is back in its pool.
end_sluice() {
  local status=0
  kill -TERM "$SLUICE_PID"
  wait "$SLUICE_PID" || status=$?
  SLUICE_PID=
  grep -E 'holds|back in' "$WORK/sluice.log" || true
  [ "$status" = 0 ] || fail "sluice ended with exit code $status"
  grep -q ': holds' "$WORK/sluice.log" || fail "the log says nothing of conservation"
  grep -q 'every mbuf is back' "$WORK/sluice.log" || fail "the log says nothing of the mempools"
}

# events 'PYTHON EXPRESSION over e': how many lines of the event log it is true of.
events() {
  python3 - "$WORK/eve.json" "$1" <<'PY'
import json, sys
class Event(dict):
    def __getattr__(self, name):
        value = self.get(name)
        return Event(value) if isinstance(value, dict) else value if value is not None else Event()
n = 0
for line in open(sys.argv[1]):
    if eval('(' + sys.argv[2] + ')', {}, {'e': Event(json.loads(line))}):
        n += 1
print(n)
PY
}

# expect_event WHAT EXPRESSION
expect_event() {
  [ "$(events "$2")" -gt 0 ] || fail "no event: $1 ($2)"
  say "event: $1"
}

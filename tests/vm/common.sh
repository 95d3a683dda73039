# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# What the cases share. In the guest:
#
#   c eth0 --cable-- PF 0, VFs LAN, LAN2 ... sluice ... WAN, WAN2, PF 1 --cable-- s eth0
#
# c and s are network namespaces with real clients and servers. Sourced; the case
# has `set -euo pipefail`.

PF0=0000:01:00.0 LAN=0000:01:10.0 LAN2=0000:01:10.2
PF1=0000:02:00.0 WAN=0000:02:10.0 WAN2=0000:02:10.2
MAC_C=02:00:00:00:00:01 MAC_S=02:00:00:00:00:02
WORK=/run/work
SLUICE_PID=

say() { printf -- '--- [%s] %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$*"; }
fail() {
  printf 'FAIL: %s\n' "$*"
  local file
  for file in "$WORK"/*.log "$WORK"/report; do
    [ -s "$file" ] || continue
    echo "... ${file##*/}"
    tail -n 40 "$file"
  done
  if [ -n "$SLUICE_PID" ]; then
    local question
    for question in 'show port info' 'show port stats' 'show drops' 'show flows limit 10'; do
      echo "... $question"
      timeout 5 "$SLUICE" attach --socket "$WORK/sock" -x "$question" || true
    done
  fi
  exit 1
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -le "$end" ] || fail "$what"
    sleep 0.1
  done
}

interface_of() { basename "/sys/bus/pci/devices/$1"/net/*; }

# cable DEVICE in|out: by QEMU's monitor; DEVICE is pf0, pf1, c or s.
cable() {
  local up=true line
  [ "$2" = in ] || up=false
  exec 8<>/dev/vport0p1
  printf '{"execute":"qmp_capabilities"} {"execute":"set_link","id":"%s","arguments":{"name":"%s","up":%s}}\n' \
    "$1 $2" "$1" "$up" >&8
  until [[ ${line:-} == *"\"id\": \"$1 $2\""* ]]; do
    read -r -t 10 line <&8 || fail "the monitor does not answer"
  done
  exec 8>&-
  [[ $line == *'"return"'* ]] || fail "cable $1 $2: $line"
}

# host_interface SIDE: pattern of the folder of its interface, while no namespace has it.
host_interface() {
  local slot=08.0
  [ "$1" = c ] || slot=09.0
  echo "/sys/bus/pci/devices/0000:00:$slot/virtio*/net/*"
}
# plug SIDE ADDRESS/LENGTH: the namespace c or s with its end of the cable.
plug() {
  ip netns add "$1"
  ip link set "$(basename "$(compgen -G "$(host_interface "$1")")")" netns "$1" name eth0
  ip -n "$1" addr add "$2" dev eth0
  ip -n "$1" link set lo up
  ip -n "$1" link set eth0 up
}
on() { ip netns exec "$@"; } # on SIDE COMMAND...

# One network, as a wire joins it: a host a side, which know each other.
plug_wire() {
  plug c 10.0.0.1/24
  plug s 10.0.0.2/24
  ip -n c neigh replace 10.0.0.2 lladdr "$MAC_S" dev eth0 nud permanent
  ip -n s neigh replace 10.0.0.1 lladdr "$MAC_C" dev eth0 nud permanent
}

vf_line() { ip link show dev "$1" | sed -n "s/^ *vf $2 //p"; } # what PF $1 says of VF $2
vfs_of() { cat "/sys/bus/pci/devices/$1/sriov_numvfs"; }
# vfs N: so many on each PF, without a driver; old ones are not kept.
vfs() {
  local pf writers=()
  for pf in "$PF0" "$PF1"; do
    { # side by side: the kernel sleeps a second or two in each
      [ "$(vfs_of "$pf")" = 0 ] || echo 0 >"/sys/bus/pci/devices/$pf/sriov_numvfs"
      echo 0 >"/sys/bus/pci/devices/$pf/sriov_drivers_autoprobe"
      [ "$1" = 0 ] || echo "$1" >"/sys/bus/pci/devices/$pf/sriov_numvfs"
      echo 1 >"/sys/bus/pci/devices/$pf/sriov_drivers_autoprobe"
    } &
    writers+=($!)
  done
  wait "${writers[@]}"
  [ "$(vfs_of "$PF0") $(vfs_of "$PF1")" = "$1 $1" ] || fail "the kernel does not make $1 VFs"
}
# prepare N OPTION...: N VFs on each PF, bound, and hugepages, as the documentation says.
prepare() {
  local n=$1
  shift
  [ "$(vfs_of "$PF0") $(vfs_of "$PF1")" = "$n $n" ] || vfs 0
  "$TREE/app/deploy/vfs.sh" --pages 80 --vfs "$n" "$@" "$PF0" "$PF1" >"$WORK/vfs" 2>&1 ||
    fail "vfs.sh: exit code $?: $(cat "$WORK/vfs")"
}
# This NIC has no promiscuous VFs: each VF of a wire has the address of the host
# on the other side, docs/deploy-sriov.md, "Intel, igb".
prepare_wire() { prepare 1 --mac "$MAC_S,$MAC_C" "$@"; }

# config: what every case has, with what comes on standard input.
config() {
  {
    echo 'memory_mb = 128'
    cat
    cat <<TOML

[[lane]]
lcore = 0

[flowtable]
capacity = 4096
midstream = "drop"

[log.eve]
file = "$WORK/eve.json"
TOML
  } >"$WORK/sluice.toml"
}

wire_ports() {
  cat <<TOML
[[port]]
name = "lan"
device = "$LAN"
peer = "wan"
rx_descriptors = 256
tx_descriptors = 256

[[port]]
name = "wan"
device = "$WAN"
peer = "lan"
rx_descriptors = 256
tx_descriptors = 256
TOML
}
# routed_ports [LAN WAN]: a router between 10.1.0.0/24 and 10.2.0.0/24.
routed_ports() {
  cat <<TOML
[[port]]
name = "lan"
device = "${1:-$LAN}"
addresses = ["10.1.0.254/24"]
rx_descriptors = 256
tx_descriptors = 256

[[port]]
name = "wan"
device = "${2:-$WAN}"
addresses = ["10.2.0.254/24"]
rx_descriptors = 256
tx_descriptors = 256

[[stage.forwarding.neighbour]]
address = "10.1.0.1"
mac = "$MAC_C"

[[stage.forwarding.neighbour]]
address = "10.2.0.1"
mac = "$MAC_S"

TOML
}
lanes() { printf '\n[[lane]]\nlcore = %s\n' "$@"; } # lanes LCORE...
# What they may: ping, and TCP to ports 7 (echo) and 9000; 9001 is told no, the rest is not.
rules() {
  cat <<'TOML'

[stage.firewall]
default = "deny"

[[stage.firewall.rule]]
name = "ping"
protocol = ["icmp"]
action = "allow"

[[stage.firewall.rule]]
name = "services"
protocol = ["tcp"]
port = ["7", "9000"]
action = "allow"

[[stage.firewall.rule]]
name = "told"
protocol = ["tcp"]
port = ["9001"]
action = "reject"
TOML
}

attach() { timeout 10 "$SLUICE" attach --socket "$WORK/sock" -x "$*"; }
logged() { grep -q -- "$1" "$WORK/sluice.log"; }

# ENTER: what sluice is started by, if it isn't the shell: "unshare -n".
start_sluice() {
  say "${ENTER:+$ENTER }sluice run $*"
  # shellcheck disable=SC2086
  ${ENTER:-} "$SLUICE" run -c "$WORK/sluice.toml" --socket "$WORK/sock" "$@" </dev/null >"$WORK/sluice.log" 2>&1 &
  SLUICE_PID=$!
  local end=$((SECONDS + 30))
  until logged ready; do
    kill -0 "$SLUICE_PID" 2>/dev/null || { SLUICE_PID=; fail "sluice did not start"; }
    [ "$SECONDS" -le "$end" ] || fail "sluice is not ready"
    sleep 0.1
  done
}

# expect_end CODE: it ends by itself.
expect_end() {
  local status=0
  wait_for 20 "sluice does not end" eval '! kill -0 "$SLUICE_PID"'
  wait "$SLUICE_PID" || status=$?
  SLUICE_PID=
  [ "$status" = "$1" ] || fail "sluice ended with exit code $status, not $1"
}

# Ends the appliance, which exits with 0 only if every packet is accounted for
# and every mbuf is back in its pool.
end_sluice() {
  say "sluice ends"
  local status=0 pid=$SLUICE_PID
  kill -TERM "$pid"
  wait "$pid" || status=$?
  SLUICE_PID=
  [ "$status" = 0 ] || fail "sluice ended with exit code $status"
  logged ': holds' || fail "the log says nothing of conservation"
  logged 'every mbuf is back' || fail "the log says nothing of the mempools"
}

# expect_ping FROM TO: all of three.
expect_ping() {
  local said
  said=$(on "$1" ping -q -c 3 -i 0.2 -W 2 "$2") || true
  [[ $said == *' 0% packet loss'* ]] || fail "ping from $1 to $2: $said"
}
# The first packets may come before the link is up everywhere.
wait_for_ping() { wait_for 15 "no ping from $1 to $2" on "$1" ping -q -c 1 -W 1 "$2"; }
expect_no_ping() { ! on "$1" ping -q -c 2 -i 0.2 -W 1 "$2" >/dev/null || fail "$1 can ping $2"; }
ttl_of() { on "$1" ping -c 1 -W 2 "$2" | sed -n 's/.*ttl=\([0-9]*\).*/\1/p'; }

# carries FROM TO ADDRESS PORT: a megabyte by TCP arrives as it was.
carries() {
  head -c 1000000 /dev/urandom >"$WORK/sent"
  on "$2" timeout 30 nc -l "$3" "$4" </dev/null >"$WORK/arrived" &
  local receiver=$!
  wait_for 10 "nc does not listen" on "$2" sh -c "ss -ltn | grep -q ':$4 '"
  on "$1" timeout 30 nc -N -w 10 "$3" "$4" <"$WORK/sent" || fail "TCP from $1 to $3:$4"
  wait "$receiver" || true
  cmp -s "$WORK/sent" "$WORK/arrived" || fail "a megabyte from $1 to $3 arrived changed"
}

# hold_connection FROM TO ADDRESS: a TCP connection to the echo port, which stays.
hold_connection() {
  on "$2" python3 -S tcp.py serve "$3" 7 >"$WORK/echo.log" 2>&1 &
  wait_for 10 "no echo server" on "$2" sh -c "ss -ltn | grep -q ':7 '"
  on "$1" python3 -S tcp.py hold "$3" 7 "$WORK/held" >"$WORK/held.log" 2>&1 &
  HOLDER=$!
  say "echo server is there"
  wait_for 10 "the connection does not come about" test -s "$WORK/held"
  say "the connection stands"
}
held() { cat "$WORK/held"; }
# The connection goes on from where it was, SECONDS at most from now: TCP tries
# again ever less often.
expect_connection() {
  local seen
  seen=$(held)
  wait_for "${1:-20}" "the TCP connection does not go on" eval '[ "$(held)" -gt $((seen + 5)) ]'
  kill -0 "$HOLDER" 2>/dev/null || fail "the TCP connection ended"
}
# It stands still.
expect_standstill() {
  local seen
  sleep 0.3
  seen=$(held)
  sleep 1
  [ "$(held)" = "$seen" ] || fail "the TCP connection goes on"
}

# Number of a port's statistics: counter lan RX-packets
counter() { attach show port stats "$1" | grep -o "$2: *[0-9,]*" | tr -dc '0-9\n'; }

# checks CODE ARGUMENT...: `sluice check --json`, for the questions of `finds`.
checks() {
  local want=$1 status=0
  shift
  say "sluice check $*"
  "$SLUICE" check -c "$WORK/sluice.toml" --json "$@" >"$WORK/report" 2>"$WORK/check.log" || status=$?
  [ "$status" = "$want" ] || fail "check $*: exit code $status, not $want"
}
# finds RESULT PROBE WORDS [MEND]: what the probe found has these words in it, and
# the command that mends it those.
finds() {
  python3 -S - "$WORK/report" "$@" <<'PY' || fail "check does not find: $*"
import json, sys
report, result, name, words, mend = (sys.argv[1:] + [''])[:5]
probe = {p['name']: p for p in json.load(open(report))['probes']}[name]
print(probe['result'], name + ':', probe['found'], '>', probe['mend'])
assert probe['result'] == result and words in probe['found'] and mend in probe['mend']
assert result == 'pass' or (probe['meaning'] and probe['link'].startswith('docs/deploy-sriov.md#'))
PY
}
# Nothing in the way but what concerns this guest as such.
finds_ready() {
  python3 -S - "$WORK/report" <<'PY' || fail "check does not call it ready"
import json, sys
report = json.load(open(sys.argv[1]))
print([p['name'] for p in report['probes'] if p['result'] != 'pass'])
assert report['ready']
PY
}

mkdir -p "$WORK"

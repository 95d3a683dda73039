#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# The console of a running appliance: one command at a time with its exit code,
# a session with completion, and a reload that changes a rule under traffic
# without losing a flow.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/servers.sh"
need curl nc

set_up_network
write_config <<'TOML'
[[lane]]
lcore = 1

[stage.firewall]
default = "allow"

[[stage.firewall.rule]]
name = "web"
protocol = "tcp"
port = ["80"]
action = "allow"

[[stage.firewall.rule]]
name = "shop"
protocol = "tcp"
port = ["8080"]
action = "allow"   # RULE
TOML

serve_http 80
serve_http 8080
head -c 20000000 /dev/urandom >"$WORK/www/big"
echo hello >"$WORK/www/hello"
want=$(sha256sum <"$WORK/www/big")
start_sluice

# answers COMMAND PATTERN
answers() {
  attach "$1" >"$WORK/answer" 2>&1 || fail "$1: exit code $? ($(cat "$WORK/answer"))"
  grep -q -- "$2" "$WORK/answer" || fail "$1: no $2 in: $(cat "$WORK/answer")"
}
# exits CODE COMMAND
exits() {
  local status=0
  attach "$2" >"$WORK/answer" 2>&1 || status=$?
  [ "$status" = "$1" ] || fail "$2: exit code $status, not $1 ($(cat "$WORK/answer"))"
}

say "every command answers"
client curl -sS --max-time 10 "http://$V4_SERVER/hello" >/dev/null
answers "help" "show flows"
answers "show version" "policy 1 in force"
answers "show port info all" "wire to  *wan"
answers "show port stats lan" "RX-packets"
answers "show chain" "identity"
answers "show lane" "lane 0: received"
grep -Eq 'of 65,536, .* [0-9]+ bytes a flow, .* no huge pages' "$WORK/answer" ||
  fail "show lane tells nothing of its table: $(cat "$WORK/answer")"
answers "show stage firewall" "packets"
answers "show stage firewall rules" "shop"
answers "show flows" "flow"
answers "show flows proto tcp host $V4_SERVER port 80 limit 1" "web"
answers "show drops" "."
answers "show latency" "p99"
answers "show config" "RULE"
answers "clear stats" "from zero"
exits 2 "show nonsense"
exits 2 "show flows colour red"
exits 2 "frobnicate"
[ "$(stat -c %a "$WORK/sluice.sock")" = 660 ] || fail "the socket's mode is $(stat -c %a "$WORK/sluice.sock")"

say "a session: completion, an unknown word, quit"
printf 'show ver\t\nshow fl?\nbogus\nquit\n' | "$SLUICE" attach --socket "$WORK/sluice.sock" \
  >"$WORK/session"
grep -q 'policy 1 in force' "$WORK/session" || fail "completion: $(cat "$WORK/session")"
grep -q 'flows' "$WORK/session" || fail "help: $(cat "$WORK/session")"
grep -q 'not found' "$WORK/session" || fail "unknown word: $(cat "$WORK/session")"

say "a client that asks and does not read is cut off, and no trouble for others"
python3 - "$WORK/sluice.sock" <<'PY' &
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(25)
try:
    while True:
        s.sendall(b'show config\n' * 20)
except (BrokenPipeError, ConnectionResetError):
    sys.exit(0)
PY
flooder=$!
STARTED+=("$flooder")
for _ in 1 2 3; do answers "show version" "policy"; done
wait "$flooder" || fail "a client that reads nothing was not cut off"

say "stop and start: nothing passes in between, the flows stay"
attach stop >/dev/null
client curl -sS --max-time 2 "http://$V4_SERVER/hello" >/dev/null 2>&1 && fail "passed while stopped"
attach start >/dev/null
[ "$(client curl -sS --max-time 10 "http://$V4_SERVER/hello")" = hello ] || fail "not started again"

say "reload under a running download"
# Small buffers, so that the server has not said all before the client reads it.
client sysctl -qw net.ipv4.tcp_rmem="4096 131072 262144"
client curl -sS --max-time 60 --limit-rate 4M "http://$V4_SERVER/big" | sha256sum >"$WORK/got" &
download=$!
STARTED+=("$download")
sleep 0.5
[ "$(client curl -sS --max-time 10 "http://$V4_SERVER:8080/hello")" = hello ] || fail "port 8080 before"
sed -i '/# RULE/s/"allow"/"reject"/' "$WORK/sluice.toml"
answers "reload" "policy 2 is in force"
status=0
client curl -sS --max-time 5 "http://$V4_SERVER:8080/hello" >/dev/null 2>"$WORK/curl" || status=$?
[ "$status" = 7 ] || fail "port 8080 after the reload: curl says $status ($(cat "$WORK/curl"))"
kill -0 "$download" 2>/dev/null || fail "the download ended before the reload; make it longer"
answers "show flows port 80 proto tcp" "established"

say "a bad file changes nothing"
sed -i '/# RULE/s/"reject"/"perhaps"/' "$WORK/sluice.toml"
exits 1 "reload"
grep -q 'sluice.toml:[0-9]*:.*perhaps\|perhaps' "$WORK/answer" || fail "the error: $(cat "$WORK/answer")"
answers "show version" "policy 2 in force"

say "what needs a restart is refused whole, by name"
sed -i '/# RULE/s/"perhaps"/"allow"/; s/^lcore = 1/lcore = 0/' "$WORK/sluice.toml"
exits 1 "reload"
grep -q 'lane\[0\]' "$WORK/answer" || fail "lane[0] is not named: $(cat "$WORK/answer")"
sed -i 's/^lcore = 0/lcore = 1/' "$WORK/sluice.toml"

say "SIGHUP reloads as well"
kill -HUP "$SLUICE_PID"
wait_for 10 "reload by SIGHUP" sh -c "grep -q 'policy 3 is in force' '$WORK/sluice.log'"
[ "$(client curl -sS --max-time 10 "http://$V4_SERVER:8080/hello")" = hello ] || fail "port 8080 at last"

say "the download is whole"
wait "$download"
[ "$(cat "$WORK/got")" = "$want" ] || fail "20 MB arrived changed"

end_sluice
expect_event "rejected by the reloaded rule" "e.sluice.rule == 'shop' and e.sluice.action == 'reject'"
[ -e "$WORK/sluice.sock" ] && fail "the socket is left behind"
say "done"

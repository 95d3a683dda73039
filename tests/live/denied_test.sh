#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Denied traffic is refused as its rule says: reject at once (TCP reset, ICMP
# unreachable), drop in silence, a host name behind TLS by a reset once it is
# known. Everything else goes on.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/servers.sh"
need curl nc dig

set_up_network
write_config <<'TOML'
[[lane]]
lcore = 1

[stage.firewall]
default = "deny"

[[stage.firewall.rule]]
name = "no-telnet"
protocol = "tcp"
port = "23"
action = "reject"

[[stage.firewall.rule]]
name = "no-old-dns"
protocol = "udp"
port = "5353"
action = "reject"

[[stage.firewall.rule]]
name = "silence"
protocol = "tcp"
port = "81"
action = "drop"

[[stage.firewall.rule]]
name = "no-denied-example"
host = ["denied.example", "*.denied.example"]
action = "reject"

[[stage.firewall.rule]]
name = "staff-to-files"
from = "group:staff"
to = "service:files"
action = "allow"
TOML

serve_http 80
serve_tls 443
echo hello >"$WORK/www/hello"
for port in 23 81; do
  in_background ip netns exec "$ID-server" python3 -m http.server "$port" --bind :: --directory "$WORK/www"
  wait_for 10 "server on port $port" server nc -z "$V4_SERVER" "$port"
done
start_sluice

# curl_fails CODES MAX_SECONDS ARGUMENT...: curl's exit code is one of CODES, in time.
curl_fails() {
  local codes=$1 seconds=$2 status=0 begin=$SECONDS
  shift 2
  client curl -sS -o "$WORK/out" --max-time 6 "$@" 2>"$WORK/curl" || status=$?
  case " $codes " in
    *" $status "*) ;;
    *) fail "curl $*: exit code $status, not one of $codes ($(cat "$WORK/curl"))" ;;
  esac
  [ $((SECONDS - begin)) -le "$seconds" ] || fail "curl $*: took $((SECONDS - begin)) s"
}

for host in "$V4_SERVER" "[$V6_SERVER]"; do
  say "allowed at $host"
  [ "$(client curl -sS --max-time 10 "http://$host/hello")" = hello ] || fail "allowed page of $host"

  say "reject: connection refused at once by $host"
  curl_fails 7 3 "http://$host:23/"
  bare=${host#[}
  client nc -z -v -w 4 "${bare%]}" 23 2>"$WORK/nc" && fail "port 23 of $host is open"
  grep -qi 'refused' "$WORK/nc" || fail "not refused, but: $(cat "$WORK/nc")"

  say "drop: nothing comes back from $host"
  curl_fails 28 8 --connect-timeout 2 "http://$host:81/"

  say "host name behind TLS at $host: denied.example is cut, others pass"
  client curl -sSk --max-time 10 --resolve "fine.example:443:$host" https://fine.example/ \
    >"$WORK/page" || fail "fine.example at $host"
  grep -q 'Ciphers supported' "$WORK/page" || fail "page of fine.example at $host"
  curl_fails "35 56" 4 -k --resolve "denied.example:443:$host" https://denied.example/
  curl_fails "35 56" 4 -k --resolve "www.denied.example:443:$host" https://www.denied.example/
done

for host in "$V4_SERVER" "$V6_SERVER"; do
  say "reject of UDP: ICMP unreachable from $host"
  client dig +tries=1 +time=4 -p 5353 "@$host" x.example >"$WORK/dig" 2>&1 || true
  # Administratively prohibited is "permission denied" to a program over IPv6.
  grep -qi 'refused\|unreachable\|permission denied' "$WORK/dig" || fail "UDP was not refused: $(cat "$WORK/dig")"
done

for host in "$V4_OTHER" "[$V6_OTHER]"; do
  say "default deny: no rule lets alice talk to $host"
  curl_fails 28 8 --connect-timeout 2 "http://$host/hello"
done

say "show drops"
attach show drops | tee "$WORK/drops"
grep -q 'firewall\.' "$WORK/drops" || fail "show drops names no reason of the firewall"

end_sluice

for rule in no-telnet no-old-dns silence no-denied-example; do
  expect_event "rule $rule" "e.sluice.rule == '$rule' and e.sluice.user == 'alice' and
    e.sluice.action in ('drop', 'reject')"
done
expect_event "drop of denied.example" \
  "e.event_type == 'flow' and e.sluice.rule == 'no-denied-example' and e.ndpi.master == 'TLS'"
say "done"

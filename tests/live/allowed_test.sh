#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Allowed traffic passes unharmed, in IPv4 and IPv6, and the event log says who
# talked to what with which application under which rule.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/servers.sh"
need curl nc ping sha256sum

set_up_network
write_config <<'TOML'
[[lane]]
lcore = 1

[stage.firewall]
default = "deny"

[[stage.firewall.rule]]
name = "ping"
protocol = ["icmp", "icmpv6"]
action = "allow"

[[stage.firewall.rule]]
name = "staff-to-files"
from = "group:staff"
to = "service:files"
protocol = ["tcp", "udp"]
action = "allow"
TOML

serve_http 80
serve_tls 443
serve_dns
head -c 50000000 /dev/urandom >"$WORK/www/big"
want=$(sha256sum <"$WORK/www/big")
start_sluice

for host in "$V4_SERVER" "$V6_SERVER"; do
  say "ping $host"
  client ping -c 3 -i 0.2 -W 5 "$host" >/dev/null || fail "no answer to ping from $host"
done

for host in "$V4_SERVER" "[$V6_SERVER]"; do
  say "curl http://$host/big (50 MB)"
  got=$(client curl -sS --max-time 60 "http://$host/big" | sha256sum) || fail "download from $host"
  [ "$got" = "$want" ] || fail "50 MB from $host arrived changed"

  say "curl https://live.example/ at $host"
  client curl -sSk --max-time 15 --resolve "live.example:443:$host" https://live.example/ \
    >"$WORK/page" || fail "TLS connection to $host"
  grep -q 'Ciphers supported' "$WORK/page" || fail "TLS page from $host"
done

for host in "$V4_SERVER" "$V6_SERVER"; do
  say "dig live.example @$host, over UDP and TCP"
  [ "$(client dig +short +tries=2 "@$host" live.example A)" = 192.0.2.53 ] || fail "DNS A from $host"
  [ "$(client dig +short +tries=2 "@$host" live.example AAAA)" = 2001:db8::53 ] ||
    fail "DNS AAAA from $host"
  [ "$(client dig +short +tcp "@$host" live.example A)" = 192.0.2.53 ] || fail "DNS/TCP from $host"

  say "nc: 1 MB upwards to $host"
  head -c 1000000 /dev/urandom >"$WORK/up"
  ip netns exec "$ID-server" nc -l "$host" 9000 >"$WORK/arrived" </dev/null &
  receiver=$!
  STARTED+=("$receiver")
  wait_for 10 "nc listening" server sh -c 'ss -ltn | grep -q :9000'
  client nc -N -w 10 "$host" 9000 <"$WORK/up"
  wait "$receiver" || true
  cmp -s "$WORK/up" "$WORK/arrived" || fail "1 MB to $host arrived changed"
done

say "the flow table knows them"
attach show flows user alice limit 5 >"$WORK/flows"
grep -q 'staff-to-files' "$WORK/flows" || fail "show flows names no rule"

end_sluice

for address in "$V4_SERVER" "$V6_SERVER"; do
  flow="e.event_type == 'flow' and e.dest_ip == '$address'"
  named="e.sluice.user == 'alice' and e.sluice.service == 'files' and e.sluice.rule == 'staff-to-files'"
  expect_event "HTTP to $address by alice" "$flow and $named and e.ndpi.master == 'HTTP'"
  expect_event "TLS to $address by alice" "$flow and $named and e.ndpi.master == 'TLS'"
  expect_event "DNS to $address by alice" "$flow and $named and e.ndpi.master == 'DNS'"
done
expect_event "TLS server name" "e.event_type == 'tls' and e.tls.sni == 'live.example'"
expect_event "HTTP URL" "e.event_type == 'http' and e.http.url == '/big'"
expect_event "DNS name" "e.event_type == 'dns' and e.dns.rrname == 'live.example'"
expect_event "ping" "e.event_type == 'flow' and e.proto == 'ICMP' and e.sluice.rule == 'ping'"
expect_event "ping over IPv6" "e.event_type == 'flow' and e.proto == 'IPv6-ICMP' and e.sluice.rule == 'ping'"
say "done"

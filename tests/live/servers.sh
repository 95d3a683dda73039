# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Real servers in the server's namespace; sourced behind common.sh.

# serve_http PORT: the files of $WORK/www, IPv4 and IPv6.
serve_http() {
  mkdir -p "$WORK/www"
  in_background ip netns exec "$ID-server" \
    python3 -m http.server "$1" --bind :: --directory "$WORK/www"
  wait_for 10 "HTTP server" server nc -z "$V4_SERVER" "$1"
}

# serve_tls PORT: a page about the connection, for any server name.
serve_tls() {
  need openssl
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=live.example -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
  in_background ip netns exec "$ID-server" openssl s_server -accept "$1" -www -quiet \
    -key "$WORK/key.pem" -cert "$WORK/cert.pem"
  wait_for 10 "TLS server" server nc -z "$V4_SERVER" "$1"
}

serve_dns() {
  need dnsmasq dig
  in_background ip netns exec "$ID-server" dnsmasq --keep-in-foreground --conf-file=/dev/null \
    --no-resolv --no-hosts --pid-file="$WORK/dnsmasq.pid" --user=root \
    --address=/live.example/192.0.2.53 --address=/live.example/2001:db8::53
  wait_for 10 "DNS server" server nc -z "$V4_SERVER" 53
}

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Makes app/sample/office.pcap: traffic of real programs (curl, openssl, dig,
# ssh, ping) between two network namespaces, the "office" and the "internet",
# captured on the office's side. Needs root and the packages of
# app/install-deps.sh --tests. The file is in the repository; run this only to
# make it anew.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/office.pcap}
work=$(mktemp -d)
office=sample-office internet=sample-inet

cleanup() {
  for ns in $office $internet; do
    ip netns pids $ns 2>/dev/null | xargs -r kill 2>/dev/null || true
  done
  sleep 0.3
  ip netns del $office 2>/dev/null || true
  ip netns del $internet 2>/dev/null || true
  rm -rf "$work" /etc/netns/$office
}
trap cleanup EXIT
cleanup 2>/dev/null
mkdir -p "$work"

# ---- two hosts and a cable ----
ip netns add $office
ip netns add $internet
ip link add eth0 netns $office address 02:00:00:00:01:01 type veth \
  peer name eth0 netns $internet address 02:00:00:00:02:01
for ns in $office $internet; do
  ip -n $ns link set lo up
  ip netns exec $ns sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  ip -n $ns link set eth0 up
  ip netns exec $ns ethtool -K eth0 rx off tx off tso off gso off gro off >/dev/null
done
for host in 10 20 30; do
  ip -n $office addr add 10.10.1.$host/16 dev eth0
  ip -n $office addr add 2001:db8:1::$host/32 dev eth0 nodad
done
for host in 10 53; do
  ip -n $internet addr add 10.10.200.$host/16 dev eth0
  ip -n $internet addr add 2001:db8:200::$host/32 dev eth0 nodad
done
mkdir -p /etc/netns/$office
echo "nameserver 10.10.200.53" > /etc/netns/$office/resolv.conf

# ---- the internet: DNS, web, ssh ----
names=(www.example.org intranet.example.com video.youtube.com www.youtube.com
       update.example.net malware.example)
for name in example youtube; do
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$name" \
    -addext "subjectAltName=DNS:*.$name.com,DNS:*.$name.org,DNS:*.$name.net" \
    -keyout "$work/$name.key" -out "$work/$name.pem" 2>/dev/null
done
dns=()
for name in "${names[@]}"; do
  dns+=("--address=/$name/10.10.200.10" "--address=/$name/2001:db8:200::10")
done
ip netns exec $internet dnsmasq --no-daemon --no-resolv --no-hosts --bind-interfaces \
  --listen-address=10.10.200.53,2001:db8:200::53 --port=53 --user=root "${dns[@]}" \
  >"$work/dnsmasq.log" 2>&1 &
mkdir "$work/www"
head -c 60000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null | base64 > "$work/www/report.txt"
echo "<html><body>It works.</body></html>" > "$work/www/index.html"
cat > "$work/nginx.conf" <<EOF
user root; worker_processes 1; pid $work/nginx.pid; error_log $work/error.log; daemon off;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path $work/body; proxy_temp_path $work/proxy;
  fastcgi_temp_path $work/fcgi; uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
  ssl_protocols TLSv1.2 TLSv1.3; root $work/www;
  server {
    listen 80; listen [::]:80; listen 443 ssl default_server; listen [::]:443 ssl default_server;
    ssl_certificate $work/example.pem; ssl_certificate_key $work/example.key;
    location /search { return 200 "nothing found\n"; }
  }
  server {
    listen 443 ssl; listen [::]:443 ssl; server_name *.youtube.com;
    ssl_certificate $work/youtube.pem; ssl_certificate_key $work/youtube.key;
  }
}
EOF
ip netns exec $internet nginx -c "$work/nginx.conf" >"$work/nginx.log" 2>&1 &
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
mkdir -p /run/sshd
ip netns exec $internet "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -p 22 -h "$work/host_key" \
  -o PidFile="$work/sshd.pid" -o PasswordAuthentication=no >"$work/sshd.log" 2>&1 &
for _ in $(seq 50); do
  ip netns exec $internet bash -c 'exec 3<>/dev/tcp/10.10.200.10/443 4<>/dev/tcp/10.10.200.10/22' 2>/dev/null && break
  sleep 0.1
done

# ---- the capture ----
ip netns exec $office tcpdump -q -i eth0 -s 0 -U -w "$work/all.pcap" \
  --time-stamp-precision=nano 'not (icmp6 and (ip6[40] = 143 or ip6[40] = 133))' 2>"$work/tcpdump.log" &
tcpdump_pid=$!
sleep 1

in_office() { ip netns exec $office "$@"; }
web() { in_office curl -sS -k -o /dev/null --max-time 10 "$@" || true; }

# alice, staff: names, pages, a download, TLS of both ages, IPv4 and IPv6.
in_office dig +short @10.10.200.53 -b 10.10.1.10 www.example.org A >/dev/null
in_office dig +short @2001:db8:200::53 -b 2001:db8:1::10 intranet.example.com AAAA >/dev/null
web --interface 10.10.1.10 http://www.example.org/
web --interface 10.10.1.10 http://intranet.example.com/report.txt
web --interface 10.10.1.10 --tlsv1.3 https://www.example.org/
web --interface 10.10.1.10 --tls-max 1.2 https://intranet.example.com/report.txt
web --interface 2001:db8:1::10 -6 --tlsv1.3 https://www.example.org/report.txt
in_office ping -q -c 3 -i 0.2 -I 10.10.1.10 10.10.200.10 >/dev/null
in_office ping -q -c 3 -i 0.2 -I 2001:db8:1::10 2001:db8:200::10 >/dev/null
in_office ssh -b 10.10.1.10 -o BatchMode=yes -o StrictHostKeyChecking=no \
  -o UserKnownHostsFile=/dev/null nobody@10.10.200.10 true 2>/dev/null || true

# bob, a guest: web is fine, video is not, ssh neither.
web --interface 10.10.1.20 https://www.example.org/
web --interface 10.10.1.20 https://www.youtube.com/
web --interface 10.10.1.20 https://video.youtube.com/report.txt
in_office ssh -b 10.10.1.20 -o BatchMode=yes -o StrictHostKeyChecking=no \
  -o UserKnownHostsFile=/dev/null nobody@10.10.200.10 true 2>/dev/null || true

# the printer: its updates, and what no printer should do.
web --interface 10.10.1.30 http://update.example.net/
web --interface 10.10.1.30 http://malware.example/
in_office dig +short @10.10.200.53 -b 10.10.1.30 malware.example A >/dev/null

# somebody at bob's desk tries the doors.
web --interface 10.10.1.20 --path-as-is "http://www.example.org/search?q=../../../../etc/passwd"
web --interface 10.10.1.20 -A '() { :; }; /bin/sh -c id' http://www.example.org/
web --interface 2001:db8:1::20 -6 "http://www.example.org/search?q=1'+UNION+SELECT+password+FROM+users--"

sleep 1
kill -INT $tcpdump_pid
wait $tcpdump_pid || true
cp "$work/all.pcap" "$out"
echo "$out: $(stat -c %s "$out") bytes, $(tcpdump -r "$out" 2>/dev/null | wc -l) packets"

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# The networks of the comparison, in network namespaces of their own. Sourced by
# run.sh, which has ID (the namespaces' prefix) and WORK (a folder).
#
#   direct   client ── server
#   veth4    client ── s1 ── s2 ── s3 ── s4 ── server
#   vxlan4   client ── s1 ══ s2 ══ s3 ══ s4 ── server      ══ is veth, bridge, VXLAN,
#   box      client ── box ── server                          veth, VXLAN, bridge, veth
#
# All are IPv4, routed by the kernel; in the box a program takes frames from one
# interface to the other, so that client and server are neighbours there.

OFFLOADS_OFF="rx off tx off tso off gso off gro off"
OFFLOADS_ON="rx on tx on tso on gso on"   # as veth has them by default
LINKS=()   # "namespace interface" of everything that is on a packet's way

in_ns() { local ns=$ID-$1; shift; ip netns exec "$ns" "$@"; }
ip_in() { local ns=$ID-$1; shift; ip -n "$ns" "$@"; }

# Forwarding on, and nothing that the kernel would send by itself.
namespace() {
  local ns
  for ns in "$@"; do
    ip netns add "$ID-$ns"
    in_ns "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
      net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
      net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
    ip_in "$ns" link set lo up
  done
}

offloads() { # NAMESPACE INTERFACE SETTINGS: what a device does not know is left
  # shellcheck disable=SC2086
  in_ns "$1" ethtool -K "$2" $3 >/dev/null 2>&1 || true
}

up() { # NAMESPACE INTERFACE [ADDRESS/LENGTH]
  [ -z "${3:-}" ] || ip_in "$1" addr add "$3" dev "$2"
  offloads "$1" "$2" "$OFFLOADS_OFF"
  ip_in "$1" link set "$2" up
  LINKS+=("$1 $2")
}

# wire NS-A INTERFACE-A ADDRESS-A NS-B INTERFACE-B ADDRESS-B: a veth pair; "" is no address.
wire() {
  ip_in "$1" link add "$2" type veth peer name "$5" netns "$ID-$4"
  up "$1" "$2" "$3"
  up "$4" "$5" "$6"
}

set_up_direct() {
  namespace direct-client direct-server
  wire direct-client eth0 10.90.0.1/24 direct-server eth0 10.90.0.2/24
}

# The ends of both chains: client and server by veth at the first and the last
# service, which are there already.
chain_ends() { # SET-UP
  namespace "$1-client" "$1-server"
  wire "$1-client" eth0 10.90.1.1/24 "$1-s1" client 10.90.1.2/24
  wire "$1-s4" server 10.90.2.2/24 "$1-server" eth0 10.90.2.1/24
  ip_in "$1-client" route add default via 10.90.1.2
  ip_in "$1-server" route add default via 10.90.2.2
}

# How a service reaches the server and the client; "" where it is next to it.
chain_route() { # SET-UP SERVICE NEXT PREVIOUS
  [ -z "$3" ] || ip_in "$1-s$2" route add 10.90.2.0/24 via "$3"
  [ -z "$4" ] || ip_in "$1-s$2" route add 10.90.1.0/24 via "$4"
}

set_up_veth4() {
  local i
  namespace veth4-s{1..4}
  for i in 1 2 3; do
    wire "veth4-s$i" next "10.91.$i.1/24" "veth4-s$((i + 1))" previous "10.91.$i.2/24"
  done
  chain_ends veth4
  chain_route veth4 1 10.91.1.2 ""
  chain_route veth4 2 10.91.2.2 10.91.1.1
  chain_route veth4 3 10.91.3.2 10.91.2.1
  chain_route veth4 4 "" 10.91.3.1
  firewall_services veth4
}

# Each service on a host (node) of its own. As Docker's and flannel's VXLAN
# networks lay it: the container's veth ends in a bridge on the host, the bridge
# has a VXLAN port, whose forwarding entries the control plane writes. Hosts are
# joined by a plain veth each, the cheapest underlay there is.
set_up_vxlan4() {
  local i j
  namespace vxlan4-s{1..4} vxlan4-n{1..4}
  for i in 1 2 3 4; do
    ip_in "vxlan4-n$i" addr add "10.92.0.$i/32" dev lo
    ip_in "vxlan4-n$i" link add br0 type bridge mcast_snooping 0
    ip_in "vxlan4-n$i" link add vxlan0 type vxlan id 42 local "10.92.0.$i" dstport 4789 nolearning
    ip_in "vxlan4-n$i" link set vxlan0 mtu 1450 master br0
    ip_in "vxlan4-s$i" link add eth0 address "02:00:00:00:00:0$i" mtu 1450 \
      type veth peer name pod netns "$ID-vxlan4-n$i"
    ip_in "vxlan4-n$i" link set pod mtu 1450 master br0
    up "vxlan4-s$i" eth0 "10.93.0.$i/24"
    up "vxlan4-n$i" pod
    up "vxlan4-n$i" vxlan0
    up "vxlan4-n$i" br0
  done
  for i in 1 2 3; do
    j=$((i + 1))
    wire "vxlan4-n$i" next "10.92.$i.1/24" "vxlan4-n$j" previous "10.92.$i.2/24"
    vxlan_neighbour "$i" "$j" "10.92.$i.2"
    vxlan_neighbour "$j" "$i" "10.92.$i.1"
  done
  chain_ends vxlan4
  chain_route vxlan4 1 10.93.0.2 ""
  chain_route vxlan4 2 10.93.0.3 10.93.0.1
  chain_route vxlan4 3 10.93.0.4 10.93.0.2
  chain_route vxlan4 4 "" 10.93.0.3
  firewall_services vxlan4
}

vxlan_neighbour() { # FROM TO UNDERLAY: what an overlay's control plane tells host FROM
  local mac=02:00:00:00:00:0$2
  ip_in "vxlan4-n$1" route add "10.92.0.$2/32" via "$3" src "10.92.0.$1"
  in_ns "vxlan4-n$1" bridge fdb append "$mac" dev vxlan0 dst "10.92.0.$2"
  ip_in "vxlan4-s$1" neigh add "10.93.0.$2" lladdr "$mac" dev eth0 nud permanent
}

set_up_box() {
  namespace box-client box box-server
  wire box-client eth0 10.90.1.1/16 box lan ""
  wire box wan "" box-server eth0 10.90.2.1/16
}

# The same rules in each of the four, as each service of a chain has its own.
firewall_services() {
  local i
  for i in 1 2 3 4; do in_ns "$1-s$i" nft -f "$WORK/rules.nft"; done
}

# Work that arrives at the services (without any: at the server) on CPU 1, as it
# would be Sluice's; "0" for where the kernel puts it by itself, the sender's CPU.
spread() { # SET-UP CPU-MASK
  case "$1" in
    direct) steer direct-server eth0 "$2" ;;
    veth4 | vxlan4) steer "$1-s1" client "$2"; steer "$1-s4" server "$2" ;;
  esac
}

steer() { # NAMESPACE INTERFACE CPU-MASK
  in_ns "$1" sh -c "echo $3 >/sys/class/net/$2/queues/rx-0/rps_cpus"
}

offloads_of() { # SET-UP SETTINGS
  local link
  for link in "${LINKS[@]}"; do
    # shellcheck disable=SC2086
    case "$link" in "$1"-*) offloads $link "$2" ;; esac
  done
}

# What is true of the interfaces now, read back.
describe_interfaces() {
  local link words left=''
  for link in "${LINKS[@]}"; do
    # shellcheck disable=SC2086
    words=$(in_ns ${link% *} ethtool -k "${link#* }" 2>/dev/null | awk -F': ' '
      $1 ~ /^(rx-checksumming|tx-checksumming|tcp-segmentation-offload|generic-segmentation-offload|generic-receive-offload)$/ &&
      $2 ~ /^on/ {printf " %s", $1}')
    [ -z "$words" ] || left+="${left:+; }$link:$words"
  done
  echo "${#LINKS[@]} interfaces (${OFFLOADS_OFF}); still on: ${left:-none}"
  in_ns box-client ip -d link show eth0 |
    awk '{for (i = 1; i < NF; ++i) if ($i ~ /^(mtu|qdisc|numrxqueues|numtxqueues)$/) printf "%s %s  ", $i, $(i + 1)}'
  echo
}

remove_networks() {
  local ns
  for ns in $(ip netns list 2>/dev/null | awk -v id="$ID-" 'index($1, id) == 1 {print $1}'); do
    ip netns delete "$ns"
  done
}

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# What stands in the box: Sluice or testpmd, on AF_PACKET or AF_XDP. Sourced by
# run.sh, which has SLUICE, RULES, WORK and ID. Both poll on CPU 1, use ordinary
# memory and take the same two interfaces with the same arguments.

MIDDLE_PID=
MIDDLE_FROM=0 MIDDLE_TO=0   # when it was asked to count, and what it had counted

attach() { "$SLUICE" attach --socket "$WORK/sluice.sock" -x "$*"; }

middle_ready() { # WHAT PATTERN
  wait_for "$1" middle_says "$1" "$2"
}

middle_says() {
  kill -0 "$MIDDLE_PID" 2>/dev/null || die "$1 did not start: $(tail -n 3 "$WORK/middle.log")"
  grep -q "$2" "$WORK/middle.log"
}

start_sluice() { # DRIVER
  python3 "$HERE/rules.py" toml "$RULES" "$ID" "$1" "$WORK/eve.json" >"$WORK/sluice.toml"
  ip netns exec "$ID-box" "$SLUICE" run -c "$WORK/sluice.toml" --no-huge \
    --socket "$WORK/sluice.sock" </dev/null >"$WORK/middle.log" 2>&1 &
  MIDDLE_PID=$!
  middle_ready sluice ': ready'
}

# Its orders come through a pipe; the answers end in its log.
start_testpmd() { # DRIVER
  rm -f "$WORK/orders"
  mkfifo "$WORK/orders"
  ip netns exec "$ID-box" stdbuf -oL dpdk-testpmd --file-prefix "$ID" --lcores 0@0,1@1 --main-lcore 0 \
    --no-huge -m 512 --iova-mode=va --no-pci --vdev "${1}0,iface=lan" --vdev "${1}1,iface=wan" \
    -- -i --forward-mode=io --total-num-mbufs=32768 --txd=1024 --rxd=1024 --record-core-cycles \
    <"$WORK/orders" >"$WORK/middle.log" 2>&1 &
  MIDDLE_PID=$!
  exec 9>"$WORK/orders"
  echo start >&9
  middle_ready testpmd 'io packet forwarding - '
}

start_middle() { # SET-UP
  case "$1" in
    sluice) start_sluice net_af_packet ;;
    sluice_xdp) start_sluice net_af_xdp ;;
    testpmd) start_testpmd net_af_packet ;;
    testpmd_xdp) start_testpmd net_af_xdp ;;
  esac
}

# Counts from here on.
middle_clear() { # SET-UP
  case "$1" in
    sluice*) attach clear stats >/dev/null ;;
    testpmd*) echo "clear fwd stats all" >&9 ;;
  esac
  MIDDLE_FROM=$EPOCHREALTIME
}

# What it says of itself since middle_clear, as JSON. Busy are polls that found
# packets, with all that was done about them, transmit included.
middle_report() { # SET-UP
  case "$1" in
    sluice*)
      attach show lane >"$WORK/lane"
      MIDDLE_TO=$EPOCHREALTIME
      attach show drops >"$WORK/drops"
      extract sluice "$WORK/lane" "$WORK/drops"
      ;;
    testpmd*)
      local answers
      answers=$(grep -c 'total cycles=' "$WORK/middle.log" || true)
      echo "show fwd stats all" >&9
      wait_for "testpmd's answer" more_answers "$answers"
      extract testpmd "$WORK/middle.log"
      ;;
    *) echo null ;;
  esac
}

more_answers() { [ "$(grep -c 'total cycles=' "$WORK/middle.log" || true)" -gt "$1" ]; }

# Sluice ends with 0 only if every packet is accounted for and every mbuf is back.
# DPDK's AF_XDP driver keeps those of its fill rings (22.11), so there it is
# conservation alone that must hold.
stop_middle() { # SET-UP
  local status=0
  [ -n "$MIDDLE_PID" ] || return 0
  case "$1" in
    sluice*) kill -TERM "$MIDDLE_PID" ;;
    testpmd*) echo quit >&9; exec 9>&- ;;
  esac
  wait "$MIDDLE_PID" || status=$?
  MIDDLE_PID=
  case "$1" in
    sluice) [ "$status" = 0 ] || die "sluice ended with $status: $(tail -n 3 "$WORK/middle.log")" ;;
    sluice_xdp)
      grep -q ': holds' "$WORK/middle.log" ||
        die "sluice lost packets: $(tail -n 3 "$WORK/middle.log")" ;;
    testpmd*) [ "$status" = 0 ] || die "testpmd ended with $status" ;;
  esac
}

kill_middle() {
  [ -n "$MIDDLE_PID" ] || return 0
  kill "$MIDDLE_PID" 2>/dev/null || true
  wait "$MIDDLE_PID" 2>/dev/null || true
  MIDDLE_PID=
}

# Whether kernel and DPDK do AF_XDP on these interfaces: tried, not guessed. Leaves
# how the kernel runs its program: xdp is the driver's own hook, xdpgeneric is not.
af_xdp_works() {
  (
    trap kill_middle EXIT
    start_testpmd net_af_xdp
    ip_in box link show lan | grep -o 'xdp[a-z]*' | head -n 1 >"$WORK/xdp-mode"
    stop_middle testpmd_xdp
  ) 2>"$WORK/no-xdp"
}

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# One set-up measured once: round trip, load, one TCP connection. Sourced by
# run.sh, which has UDP_LOAD, SECONDS_EACH, QUIET_PATIENCE, WORK and ID. Client and server are on
# CPU 0 in every set-up.

PORT=5201      # the one that the rules let through
SERVER_PID=

client_ns() { case "$1" in sluice* | testpmd*) echo box-client ;; *) echo "$1-client" ;; esac; }
server_ns() { case "$1" in sluice* | testpmd*) echo box-server ;; *) echo "$1-server" ;; esac; }
server_address() { case "$1" in direct) echo 10.90.0.2 ;; *) echo 10.90.2.1 ;; esac; }

extract() { python3 "$HERE/extract.py" "$@"; }

wait_for() { # WHAT COMMAND...
  local tenths=300 what=$1
  shift
  until "$@"; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || die "$what: not within 30 s"
    sleep 0.1
  done
}

listening() { [ -n "$(in_ns "$1" ss -H -l -n -t -u "sport = :$PORT")" ]; }

start_server() { # SET-UP COMMAND...
  local ns
  ns=$(server_ns "$1")
  shift
  ip netns exec "$ID-$ns" taskset -c 0 "$@" </dev/null >>"$WORK/server.log" 2>&1 &
  SERVER_PID=$!
  wait_for "$1" listening "$ns"
}

stop_server() {
  [ -n "$SERVER_PID" ] || return 0
  kill "$SERVER_PID" 2>/dev/null || true
  wait "$SERVER_PID" 2>/dev/null || true
  SERVER_PID=
}

client() { # SET-UP COMMAND...
  local ns
  ns=$(client_ns "$1")
  shift
  in_ns "$ns" taskset -c 0 "$@"
}

tcp() { # SET-UP: JSON
  start_server "$1" iperf3 -s -1 -p "$PORT"
  client "$1" iperf3 -c "$(server_address "$1")" -p "$PORT" -t "$SECONDS_EACH" -J >"$WORK/iperf" ||
    die "iperf3 through $1: $(grep error "$WORK/iperf" || echo failed)"
  stop_server
  extract iperf "$WORK/iperf"
}

idle_ticks() { awk '/^cpu / {print $5 + $6}' /proc/stat; }

# Until the machine has done next to nothing for a second, or QUIET_PATIENCE is over.
wait_until_quiet() {
  local before left=$QUIET_PATIENCE enough
  enough=$(($(getconf CLK_TCK) * $(nproc) * 95 / 100))
  while [ "$left" -gt 0 ]; do
    before=$(idle_ticks)
    sleep 1
    [ $(($(idle_ticks) - before)) -lt "$enough" ] || return 0
    left=$((left - 1))
  done
  echo "$1" >>"$WORK/not-quiet"
}

# measure SET-UP ROUND: one line of JSON in $WORK/rounds.
measure() {
  local host rtt load own=null tcp tcp_offloads=null
  host=$(server_address "$1")
  wait_until_quiet "$1"
  start_middle "$1"

  start_server "$1" "$UDP_LOAD" echo "$PORT"
  rtt=$(client "$1" "$UDP_LOAD" ping "$host" "$PORT" "$SECONDS_EACH")
  stop_server

  spread "$1" 2
  start_server "$1" "$UDP_LOAD" sink "$PORT"
  middle_clear "$1"
  load=$(client "$1" "$UDP_LOAD" send "$host" "$PORT" "$SECONDS_EACH")
  middle_report "$1" >"$WORK/own"
  own=$(cat "$WORK/own")
  stop_server

  tcp "$1" >"$WORK/tcp"
  tcp=$(cat "$WORK/tcp")
  case "$1" in
    direct | veth4 | vxlan4)
      offloads_of "$1" "$OFFLOADS_ON"
      tcp "$1" >"$WORK/tcp"
      tcp_offloads=$(cat "$WORK/tcp")
      offloads_of "$1" "$OFFLOADS_OFF"
      ;;
  esac
  spread "$1" 0
  stop_middle "$1"
  {
    printf '{"setup": "%s", "round": %d, "rtt": %s, "load": %s, ' "$1" "$2" "$rtt" "$load"
    printf '"own": %s, "own_from": %s, "own_to": %s, ' "$own" "$MIDDLE_FROM" "$MIDDLE_TO"
    printf '"tcp": %s, "tcp_offloads": %s}\n' "$tcp" "$tcp_offloads"
  } >>"$WORK/rounds"
}

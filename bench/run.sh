#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Builds Sluice in release and measures it: each part alone, the whole chain
# beside its floors, containers beside Sluice. Prints tables, writes
# out/bench/report.json and out/bench/report.html.
#
#   bench/run.sh                 everything (about half an hour)
#   bench/run.sh --quick         shorter repetitions, no containers; at most 10 minutes
#   bench/run.sh NAME...         only these:
#       parts                    or one of: flowtable identity stream matcher firewall forwarding
#       chain                    or one of: flows ipv6 sizes rules pipeline
#                                           latency newflows handover lanes statistics
#       dpi                      inspection: its parts, and the whole beside Suricata (bench/dpi/)
#       overlay                  the container comparison (bench/overlay/; root)
#   --json FILE                  the report there too
#   -h, --help
#
# As root it reserves 2-MiB pages if too few are free and gives them back. Two
# idle cores are needed for figures worth quoting; ratios of one run are worth
# more than absolute figures. From the environment: BUILD, a build folder to use
# instead of build-release; SLUICE_CORPUS, captures and rules for `dpi`, which
# makes its own without. The report's keys, how to read it: bench/README.md
set -euo pipefail
CALLED_FROM=$PWD
cd "$(dirname "$0")/.."

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' bench/run.sh; }
say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
note() { printf 'bench: %s\n' "$*" >&2; }

ALL_PARTS=(flowtable identity dpi stream matcher firewall forwarding)
ALL_CHAIN=(flows ipv6 sizes rules pipeline latency newflows handover lanes statistics)
parts=() chain=() inspection='' overlay='' quick='' json=''
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=1 ;;
    --json) [ $# -ge 2 ] || { usage >&2; exit 2; }; json=$(cd "$CALLED_FROM" && realpath -m "$2"); shift ;;
    -h | --help) usage; exit 0 ;;
    parts) parts=("${ALL_PARTS[@]}") ;;
    chain) chain=("${ALL_CHAIN[@]}") ;;
    dpi) parts+=(dpi) inspection=1 ;;
    overlay) overlay=1 ;;
    *)
      if [[ " ${ALL_PARTS[*]} " == *" $1 "* ]]; then parts+=("$1")
      elif [[ " ${ALL_CHAIN[*]} " == *" $1 "* ]]; then chain+=("$1")
      else note "unknown: '$1'"; usage >&2; exit 2; fi ;;
  esac
  shift
done
if [ ${#parts[@]} -eq 0 ] && [ ${#chain[@]} -eq 0 ] && [ -z "$overlay" ]; then
  parts=("${ALL_PARTS[@]}") chain=("${ALL_CHAIN[@]}") inspection=1
  [ -n "$quick" ] || overlay=1
fi
if [ -n "$overlay" ] && [ "$(id -u)" != 0 ]; then
  note "SKIPPED overlay: network namespaces need root"
  overlay=
fi

# A pass measures everything once; passes follow one another, so that a slow
# minute of the machine spoils one of them and not one row of the table.
if [ -n "$quick" ]; then PASSES=1 ROUNDS=3 MS=100 MIN_TIME=0.02; else PASSES=3 ROUNDS=5 MS=200 MIN_TIME=0.2; fi
PATIENCE=900   # seconds for one scenario, all of its sizes

declare -A program=(
  [flowtable]=bench/flowtable_bench [identity]=stages/identity/identity_bench
  [dpi]=bench/dpi_bench [stream]=bench/stream_bench [matcher]=bench/matcher_bench
  [firewall]=bench/firewall_bench
  [forwarding]=stages/forwarding/forwarding_bench
)

app/install-deps.sh --bench
BUILD=${BUILD:-build-release}
OUT=out/bench RAW=out/bench/raw
mkdir -p "$RAW"
exec 9>"$OUT/lock"
flock -n 9 || { note "another run is measuring on this machine"; exit 1; }
rm -f "$RAW"/* "$OUT"/report.*

say "build"
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" --buildtype=release
targets=()
for part in "${parts[@]}"; do targets+=("${program[$part]}"); done
[ ${#chain[@]} -eq 0 ] || targets+=(bench/chain_bench)
[ -z "$inspection" ] || targets+=(app/sluice bench/dpi/replay_port.so)
[ ${#targets[@]} -eq 0 ] || ninja -C "$BUILD" "${targets[@]}"
UNCOUNTED=$BUILD-uncounted   # the same chain, but it counts nothing
if [[ " ${chain[*]} " == *" statistics "* ]]; then
  [ -f "$UNCOUNTED/build.ninja" ] ||
    meson setup "$UNCOUNTED" --buildtype=release -Dtests=false -Dstatistics=false
  ninja -C "$UNCOUNTED" bench/chain_bench
fi

# --- huge pages -------------------------------------------------------------

PAGES=/proc/sys/vm/nr_hugepages   # of the default size
pages_before='' pages_set=''
memory() { awk -v what="$1:" '$1 == what {print $2}' /proc/meminfo; }

# reserve_pages MIB: that much free, as far as 2 GiB stay for everything else.
reserve_pages() {
  local size_kb free missing room
  size_kb=$(memory Hugepagesize) free=$(memory HugePages_Free)
  [ "$size_kb" = 2048 ] || { note "the default huge page is not 2 MiB: none reserved"; return 0; }
  missing=$(($1 / 2 - free))
  [ "$missing" -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    note "$free free 2-MiB pages, $(($1 / 2)) are wanted, and reserving them needs root: going on with what there is"
    return 0
  fi
  room=$((($(memory MemAvailable) - 2097152) / 2048))
  [ "$missing" -le "$room" ] || missing=$((room > 0 ? room : 0))
  pages_before=$(cat $PAGES)
  echo $((pages_before + missing)) >$PAGES 2>/dev/null || true
  pages_set=$(cat $PAGES)
  note "2-MiB pages: $pages_before -> $pages_set; given back at the end"
}

give_pages_back() {
  # Unless somebody else has changed the number meanwhile.
  if [ -n "$pages_set" ] && [ "$(cat $PAGES)" = "$pages_set" ]; then echo "$pages_before" >$PAGES; fi
}
trap give_pages_back EXIT
trap 'exit 130' INT TERM

# --- measuring --------------------------------------------------------------

missing() { # WHAT WHY
  note "MISSING $1: $2"
  printf '%s\t%s\n' "$1" "$2" >>"$RAW/missing"
}

conditions() { python3 bench/report/conditions.py "$RAW/conditions" "$1"; }

part() { # NAME
  say "$1"
  "$BUILD/${program[$1]}" --benchmark_min_time=$MIN_TIME --benchmark_counters_tabular=true \
    --benchmark_out="$RAW/part-$1.json" --benchmark_out_format=json ||
    { rm -f "$RAW/part-$1.json"; missing "$1" "the benchmark ended with an error"; }
}

# chain_bench PASS NAME SCENARIO OPTIONS...: one JSON object in $RAW/NAME.PASS.json.
chain_bench() {
  local name=$2 file=$RAW/$2.$1.json log=$RAW/$2.$1.log
  shift 2
  timeout "$PATIENCE" "${FROM:-$BUILD}/bench/chain_bench" "$@" --rounds "$ROUNDS" --ms "$MS" \
    >"$file" 2> >(tee "$log" >&2) && return
  rm -f "$file"
  missing "${name%-[0-9]}" "$(grep -v '^Run with' "$log" | tail -n 1 | cut -c1-200)"
}

count_at() { # PASS TURN FOLDER NAME
  FROM=$3 ROUNDS=$((ROUNDS * 8)) MS=$((MS / 10)) \
    chain_bench "$1" "$4-$2" established --flows 1000,100000 --no-floors
}

most_flows=4000000
scenario() { # PASS NAME
  case "$2" in
    flows)
      local counts=1000,100000,1000000,4000000
      [ "$most_flows" -lt 10000000 ] || counts=$counts,10000000
      chain_bench "$@" established --flows $counts --memory 2048 ;;
    ipv6) chain_bench "$@" established --families ipv6 --flows 1000,1000000 ;;
    sizes) chain_bench "$@" established --flows 100000 --sizes 64,128,256,512,1024,1518,0 --no-floors ;;
    rules) chain_bench "$@" rules --flows 100000 --rules 10,1000,100000 ;;
    pipeline) chain_bench "$@" established --flows 1000,100000,1000000 \
      --placements pinned-pipeline --no-floors ;;
    statistics)
      local i
      # In turns, and each first as often as second.
      for i in 1 2 3 4; do
        [ $((i % 2)) = 0 ] || count_at "$1" $i "$BUILD" counted
        count_at "$1" $i "$UNCOUNTED" uncounted
        [ $((i % 2)) = 1 ] || count_at "$1" $i "$BUILD" counted
      done ;;
    *) chain_bench "$@" "$2" ;;
  esac
}

# Who is measured first changes from pass to pass.
inspect() { # PASS
  say "dpi beside others (pass $1 of $PASSES)"
  BUILD=$BUILD OUT=$OUT/dpi bench/dpi/run.sh ${quick:+--quick} --turn "$1" >"$RAW/dpi.$1.json" && return
  rm -f "$RAW/dpi.$1.json"
  missing dpi "bench/dpi/run.sh ended with an error"
}

conditions start
for part in "${parts[@]}"; do part "$part"; done

if [ ${#chain[@]} -gt 0 ] || [ -n "$inspection" ]; then
  # 10 M flows three times over: the chain's table, the bare one, rte_hash.
  if [[ " ${chain[*]} " == *" flows "* ]]; then
    reserve_pages 6400
    if [ $(($(memory MemAvailable) / 1024 + $(memory HugePages_Free) * 2)) -ge 9000 ]; then
      most_flows=10000000
    else
      missing "10 M flows" "9 GB of free memory are needed, floors included"
    fi
  else
    reserve_pages 2048
  fi
  for ((pass = 1; pass <= PASSES; ++pass)); do
    conditions "pass $pass"
    for name in "${chain[@]}"; do
      say "$name (pass $pass of $PASSES)"
      scenario "$pass" "$name"
    done
    [ -z "$inspection" ] || inspect "$pass"
  done
fi
conditions end
give_pages_back
pages_set=

if [ -n "$overlay" ]; then
  say "overlay"
  BUILD=$BUILD bench/overlay/run.sh ${quick:+--quick} --json "$RAW/overlay.json" ||
    { rm -f "$RAW/overlay.json"; missing overlay "bench/overlay/run.sh ended with an error"; }
fi

say "report"
python3 bench/report "$RAW" "$OUT" ${quick:+--quick}
[ -z "$json" ] || { cp "$OUT/report.json" "$json"; echo "written: $json"; }

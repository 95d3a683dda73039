#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# What inspection costs, beside Suricata and ndpiReader where they are installed: one
# pass over all captures and rule sets. Two CPUs; root for huge pages only.
#
#   bench/dpi/run.sh [--quick] [--turn N] [--only ENGINE]     prints one JSON object
#   bench/dpi/run.sh --inputs                                 makes captures and rules only
#
# From the environment: SLUICE_CORPUS, a folder with pcaps/{ndpi,trex,et}; without, traffic
# and rules are generated. BUILD, a build folder to use instead of build-release; OUT, where
# captures and rules are kept (out/bench/dpi).
set -euo pipefail
CALLED_FROM=$PWD
[ -z "${SLUICE_CORPUS:-}" ] || SLUICE_CORPUS=$(cd "$SLUICE_CORPUS" && pwd)
cd "$(dirname "$0")/../.."

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' bench/dpi/run.sh; }
RULES=18000   # as many as the corpus has

arguments=() inputs='' quick=''
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=1 ;;
    --inputs) inputs=1 ;;
    --turn | --only) [ $# -ge 2 ] || { usage >&2; exit 2; }; arguments+=("$1" "$2"); shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
from_caller() { (cd "$CALLED_FROM" && realpath -m "$1"); }
if [ -n "${BUILD:-}" ]; then BUILD=$(from_caller "$BUILD"); else BUILD=$PWD/build-release; fi
if [ -n "${OUT:-}" ]; then OUT=$(from_caller "$OUT"); else OUT=$PWD/out/bench/dpi; fi
mkdir -p "$OUT"

# Made anew when the corpus is another one, or there is none any more.
origin=${SLUICE_CORPUS:-generated}
if [ "$(cat "$OUT/origin" 2>/dev/null)" != "$origin" ]; then
  {
    if [ -n "${SLUICE_CORPUS:-}" ]; then
      for kind in web http; do
        python3 bench/dpi/prepare.py corpus "$SLUICE_CORPUS" $kind "$OUT/$kind.pcap"
      done
      cat "$SLUICE_CORPUS"/pcaps/et/*.rules >"$OUT/all.rules"
    else
      python3 bench/dpi/generate.py "$OUT/web.pcap"
      python3 bench/dpi/generate.py "$OUT/http.pcap" --http
      python3 bench/dpi/rules.py generate $RULES "$OUT/all.rules"
    fi
    python3 bench/dpi/rules.py subset "$OUT/all.rules" 2000 "$OUT/2k.rules"
  } >&2
  echo "$origin" >"$OUT/origin"
fi
[ -z "$inputs" ] || exit 0

captures=(--capture "web=$OUT/web.pcap")
if [ -n "$quick" ]; then
  arguments+=(--windows 3 --ms 500 --warm-ms 1000 --events-only)
else
  captures+=(--capture "http=$OUT/http.pcap")
  arguments+=(--windows 5 --ms 1000 --warm-ms 2000)
fi

# Both programs take huge pages through hugetlbfs, if it is mounted.
free_pages=$(awk '$1 == "HugePages_Free:" { print $2 }' /proc/meminfo)
if [ "$(id -u)" = 0 ] && [ "${free_pages:-0}" -gt 0 ] && ! grep -q ' hugetlbfs ' /proc/mounts; then
  mkdir -p "$OUT/pages"
  if mount -t hugetlbfs none "$OUT/pages" 2>/dev/null; then trap 'umount "$OUT/pages"' EXIT; fi
  trap 'exit 130' INT TERM
fi

python3 bench/dpi/compare.py --build "$BUILD" --work "$OUT/work" "${captures[@]}" \
  --rules none= --rules "2k=$OUT/2k.rules" --rules "all=$OUT/all.rules" "${arguments[@]}"

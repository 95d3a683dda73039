#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Takes every capture of a corpus through `sluice replay`:
#
#   harmless   the sanitizer build, frames in heap buffers of exact length: no fault
#   labels     nDPI's labels agree with ndpi/truth.tsv for 97 % of flows
#   placement  run to completion and pinned pipeline, every second capture (a tenth twice each):
#              one set of EVE lines
#   rules      Suricata's cases whose rules Sluice can read: no crash, no alert that
#              Suricata does not give, and not less agreement than before
#   et         18,169 rules of Emerging Threats over the captures on which Suricata alerts and
#              every eighth other: recall 97 %, precision 98 % of (capture, rule)
#
# At the end a table: labels by protocol, cases by class, alerts of ET.
#
#   SLUICE_CORPUS=DIR tests/pcap/corpus.sh SANITIZED_SLUICE RELEASE_SLUICE [PART...]
#
# DIR holds pcaps/{ndpi,suricata,trex,et} and tools/. Logs stay in build-corpus/.
# SLUICE_CAPTURES=REGEX takes only captures whose path matches.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
usage='usage: SLUICE_CORPUS=DIR tests/pcap/corpus.sh SANITIZED_SLUICE RELEASE_SLUICE [PART...]'
corpus=$(cd "${SLUICE_CORPUS:?$usage}" && pwd)
sanitized=$(realpath "${1:?$usage}")
release=$(realpath "${2:?$usage}")
shift 2
[ $# -gt 0 ] || set -- harmless labels placement rules et
cd "$here/../.."

export out=$PWD/build-corpus
export examples=$PWD/config/examples
mkdir -p "$out"
captures=$out/captures.txt
find "$corpus"/pcaps/{ndpi,suricata,trex}/pcaps -type f | sort |
  grep -E -e "${SLUICE_CAPTURES:-}" >"$captures"

# each LIST COMMAND...: COMMAND LINE for every line, two at a time; prints what
# the commands print, which is one line a failure.
each() {
  local list=$1
  shift
  tr '\n' '\0' <"$list" | xargs -0 -r -P2 -n1 "$@" || true
}

# set_of CAPTURE: ndpi/a.pcap, as a name for logs.
set_of() {
  local folder=${1%/pcaps/*}
  echo "${folder##*/}/${1##*/}"
}
export -f set_of

# replay_one SLUICE LIMIT_S LOG_PREFIX ARGUMENTS...: prints nothing if all is
# well; its exit code and the first telling line if not.
replay_one() {
  local sluice=$1 limit=$2 log=$3 status=0
  shift 3
  timeout -k 5 "$limit" "$sluice" replay "$@" --json >"$log.summary" 2>"$log.err" || status=$?
  [ $status -eq 0 ] && return 0
  [ $status -eq 124 ] && echo "took longer than $limit s" && return 0
  echo "exit $status: $(grep -m1 -E 'ERROR: |runtime error:|^sluice:' "$log.err" || head -1 "$log.err")"
}
export -f replay_one

harmless_one() {
  local name log problem
  name=$(set_of "$2") log=$out/harmless/$name
  problem=$(replay_one "$1" 120 "$log" --in "$2" --eve "$log.json")
  [ -z "$problem" ] || echo "FAIL harmless $name: $problem"
}
export -f harmless_one

labels_one() {
  local name log problem
  name=$(set_of "$2") log=$out/labels/$name
  problem=$(replay_one "$1" 60 "$log" --in "$2" --eve "$log.json")
  [ -z "$problem" ] || echo "FAIL labels $name: $problem"
}
export -f labels_one

# The first run's lines are kept, of the others only those that differ. A second
# run of the same placement goes with a fifth of them, always the same.
placement_one() {
  local name log problem run placement sum runs=(run-to-completion.1 pinned-pipeline.1)
  name=$(set_of "$2") log=$out/placement/$name
  read -r sum _ < <(printf '%s' "$name" | cksum)
  [ $((sum % 5)) -ne 0 ] || runs+=(run-to-completion.2 pinned-pipeline.2)
  for run in "${runs[@]}"; do
    placement=${run%.?}
    problem=$(replay_one "$1" 60 "$log" -c "$examples/replay-$placement.toml" --in "$2" \
      --eve "$log.$run")
    if [ -n "$problem" ]; then
      echo "FAIL placement $name: $run: $problem"
      return
    fi
    LC_ALL=C sort -o "$log.$run" "$log.$run"
  done
  for run in "${runs[@]:1}"; do
    if cmp -s "$log.run-to-completion.1" "$log.$run"; then
      rm "$log.$run"
    else
      echo "FAIL placement $name: $(diff "$log.run-to-completion.1" "$log.$run" |
        grep -c '^>') lines of $run differ; see $log.*"
      return
    fi
  done
}
export -f placement_one

# Exit code 2: a rule is beyond what Sluice evaluates.
rules_one() {
  local case capture rules midstream log status=0
  IFS=$'\t' read -r case capture rules midstream <<<"$2"
  log=$out/rules/$case
  [ "$midstream" = 1 ] && midstream=true || midstream=false
  timeout -k 5 60 "$1" replay --in "$capture" --rules "$rules" --eve "$log.json" \
    --set stage.dpi.rules.on_unsupported=fail --set "stage.dpi.midstream=$midstream" \
    >"$log.summary" 2>"$log.err" || status=$?
  case $status in
    0) ;;
    2) rm -f "$log.json" ;;
    *) echo "FAIL rules $case: exit $status: $(head -1 "$log.err")" ;;
  esac
}
export -f rules_one

et_one() {
  local name log problem
  name=$(set_of "$2") log=$out/et/$name
  problem=$(replay_one "$1" 60 "$log" -c "$out/et.toml" --in "$2" --eve "$log.json")
  [ -z "$problem" ] || echo "FAIL et $name: $problem"
}
export -f et_one

harmless() {
  each "$captures" bash -c 'harmless_one "$@"' _ "$sanitized" | tee "$out/harmless.txt"
  total=$(wc -l <"$captures")
}

labels() {
  local list=$out/labels-captures.txt
  grep '/ndpi/pcaps/' "$captures" >"$list"
  each "$list" bash -c 'labels_one "$@"' _ "$release" | tee "$out/labels.txt"
  python3 "$here/labels.py" "$corpus/pcaps/ndpi/truth.tsv" "$out/labels/ndpi" --min 97 \
    ${SLUICE_CAPTURES:+--partial} --table "$out/labels-table.txt" ||
    echo "FAIL labels: fewer than 97 % of flows agree" | tee -a "$out/labels.txt"
  total=$(wc -l <"$list")
}

# Every second capture of each set, or all that were named.
placement() {
  local list=$out/placement-captures.txt
  awk -v every="$([ -n "${SLUICE_CAPTURES:-}" ] && echo 1 || echo 2)" \
    '{ folder = $0; sub("/[^/]*$", "", folder) } seen[folder]++ % every == 0' "$captures" >"$list"
  each "$list" bash -c 'placement_one "$@"' _ "$release" | tee "$out/placement.txt"
  total=$(wc -l <"$list")
}

# A case counts as read when every rule of it can be evaluated. What was reached must not get
# less; rules-compared.txt lists the alerts that are missed.
rules() {
  local list=$out/cases.txt folder=$corpus/pcaps/suricata read
  local least_read=461 least_agreement=97 compared=$out/rules-compared.txt
  awk -F'\t' -v d="$folder" -v OFS='\t' \
    'NR > 1 { print $1, d "/pcaps/" $3, d "/rules/" $4, $7 }' "$folder/cases.tsv" >"$list"
  each "$list" bash -c 'rules_one "$@"' _ "$release" | tee "$out/rules.txt"
  total=$(wc -l <"$list")
  read=$(find "$out/rules" -name '*.json' | wc -l)
  echo "$read of $total cases have only rules that Sluice evaluates; their alerts beside Suricata's:"
  # The cases whose rules were refused have no log and are not scored.
  mkdir -p "$out/rules-truth"
  awk -F'\t' -v logs="$out/rules/" \
    'NR == 1 || (getline line < (logs $1 ".json")) >= 0' \
    "$folder/cases.tsv" >"$out/rules-truth/cases.tsv"
  cp -f "$folder/alerts.tsv" "$out/rules-truth/"
  [ "$read" -ge $least_read ] ||
    echo "FAIL rules: fewer than $least_read cases can be read" | tee -a "$out/rules.txt"
  python3 "$corpus/tools/alert_compare.py" cases "$out/rules-truth" "$out/rules" --list 20 \
    --min $least_agreement >"$compared" ||
    echo "FAIL rules: fewer than $least_agreement % of those cases pass" | tee -a "$out/rules.txt"
  cat "$compared"
  ! grep -q 'extra \[[0-9]' "$compared" ||
    echo "FAIL rules: alerts that Suricata does not give" | tee -a "$out/rules.txt"
}

# The truth has all address variables as `any`, and counts what a capture that lacks packets has.
et_configuration() {
  local name
  cat <<TOML
[[port]]
name = "inside"
device = "net_null0"
peer = "outside"

[[port]]
name = "outside"
device = "net_null1"
peer = "inside"

[[lane]]
lcore = 1

[flowtable]
tcp_window = "loose"

[stage.firewall]
default = "allow"

[stage.dpi.rules]
files = ["$corpus/pcaps/et/et-open-2017-inscope.rules"]
cache = "$out/cache"

[stage.dpi.rules.variables]
TOML
  for name in {HOME,EXTERNAL}_NET {HTTP,SMTP,SQL,DNS,TELNET,AIM,DC}_SERVERS \
    {DNP3,MODBUS,ENIP}_{CLIENT,SERVER}; do
    echo "$name = \"any\""
  done
}

et() {
  local list=$out/et-captures.txt truth=$corpus/pcaps/et/alerts.tsv compared=$out/et-compared.txt set
  mkdir -p -m 700 "$out/cache"
  et_configuration >"$out/et.toml"
  awk -F'\t' 'NR == FNR { due[$1 "/" $2]; next }
    { n = split($0, part, "/"); name = part[n - 2] "/" part[n] }
    name in due || other++ % 8 == 0' "$truth" <(grep -v '/suricata/pcaps/' "$captures") >"$list"
  # The first compiles what all others read.
  head -1 "$list" >"$list.first"
  tail -n +2 "$list" >"$list.others"
  { each "$list.first" bash -c 'et_one "$@"' _ "$release"
    each "$list.others" bash -c 'et_one "$@"' _ "$release"; } | tee "$out/et.txt"
  total=$(wc -l <"$list")
  # Of named captures only their share is due.
  awk -F'\t' 'NR == FNR { n = split($0, part, "/"); taken[part[n - 2] "/" part[n]]; next }
    FNR == 1 || $1 "/" $2 in taken' "$list" "$truth" >"$out/et-truth.tsv"
  [ -z "${SLUICE_CAPTURES:-}" ] || truth=$out/et-truth.tsv
  for set in ndpi trex; do
    python3 "$corpus/tools/alert_compare.py" pcaps "$truth" "$out/et/$set" --set $set --list 40
  done >"$compared"
  awk '/^\(pcap, sid\) pairs/ { right += $5; missed += $7; wrong += $9 }
    END {
      if (right == 0) { print "FAIL et: no alert that is due"; exit }
      recall = 100 * right / (right + missed); precision = 100 * right / (right + wrong)
      printf "ET: %d alerts found of %d expected, %d extra: recall %.2f %%, precision %.2f %%\n", right,
        right + missed, wrong, recall, precision
      if (recall < 97 || precision < 98) print "FAIL et: below 97 % recall or 98 % precision"
    }' "$compared" | tee -a "$out/et.txt"
  grep '^  ' "$compared" || true
}

rm -f "$out"/{labels-table,rules-compared,et}.txt
failed=0
for part in "$@"; do
  case $part in
    harmless | labels | placement | rules | et) ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
  begin=$SECONDS
  rm -rf "${out:?}/$part" "$out/$part.txt"
  mkdir -p "$out/$part"/{ndpi,suricata,trex}
  $part
  bad=$(grep -c '^FAIL' "$out/$part.txt" || true)
  if [ "$bad" -eq 0 ]; then
    echo "PASS $part: $total, none failed ($((SECONDS - begin)) s)"
  else
    failed=1
    echo "FAIL $part: $bad of $total failed ($((SECONDS - begin)) s)"
  fi
done

printf '\n%s\n' "Labels of nDPI, flows that agree of all, by protocol:"
column -c 110 "$out/labels-table.txt" 2>/dev/null || true
printf '\n%s\n' "Cases of Suricata whose rules Sluice reads, passed of all, by class:"
awk '/^class/ { on = 1; next } /^ / || /^sids/ { on = 0 }
  on { printf "  %-4s %4d of %4d  %s\n", $1, $3, $2, $4 }' "$out/rules-compared.txt" 2>/dev/null || true
printf '\n%s\n' "Rules of Emerging Threats:"
grep '^ET:' "$out/et.txt" 2>/dev/null || true
exit $failed

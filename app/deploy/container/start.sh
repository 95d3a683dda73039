#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# What a container runs: `sluice run` with the devices and CPUs that it was given put
# into the configuration.
#
#   start.sh [options] [-- options of sluice]
#
#   --config FILE    default /etc/sluice/sluice.toml            $SLUICE_CONFIG
#   --ports LIST     variables with PCI addresses, in the       $SLUICE_PORTS
#                    order of the configuration's ports:
#                    PCIDEVICE_SLUICE_LAN,PCIDEVICE_SLUICE_WAN
#                    (set by the SR-IOV network device plugin;
#                    one may hold several addresses)
#   --lanes N        lanes, one a CPU. Default 0: as many as    $SLUICE_LANES
#                    there are CPUs, less one for the control
#                    loop. `keep`: as in the configuration
#   --check          `sluice check` instead of `sluice run`
#   --dry-run        print the command, do nothing
#   -h, --help
#
# SLUICE names the binary (default: in PATH). The CPUs are those that this process
# may use: give the container whole ones (Kubernetes: static CPU manager, requests
# equal to limits).
set -euo pipefail

usage() { sed -n '5,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }
die() { printf 'start.sh: %s\n' "$*" >&2; exit 2; }

config=${SLUICE_CONFIG:-/etc/sluice/sluice.toml} ports=${SLUICE_PORTS:-} lanes=${SLUICE_LANES:-0}
verb=run dry=''
while [ $# -gt 0 ]; do
  case "$1" in
    --config) config=${2:?}; shift 2 ;;
    --ports) ports=${2:?}; shift 2 ;;
    --lanes) lanes=${2:?}; shift 2 ;;
    --check) verb=check; shift ;;
    --dry-run) dry=1; shift ;;
    -h | --help) usage; exit 0 ;;
    --) shift; break ;;
    *) die "unknown option $1 (--help)" ;;
  esac
done
[[ $lanes =~ ^([0-9]+|keep)$ ]] || die "--lanes: a number or keep, not '$lanes'"
[ -r "$config" ] || die "cannot read $config"

command=("${SLUICE:-sluice}" "$verb" -c "$config")
[ "$verb" = check ] || command+=(--no-console)

number=0
IFS=', ' read -r -a variables <<<"$ports"
for variable in "${variables[@]}"; do
  value=${!variable:-}
  [ -n "$value" ] || die "$variable is not set: did the pod ask for that resource?"
  IFS=, read -r -a devices <<<"$value"
  for device in "${devices[@]}"; do
    [[ $device =~ ^[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]$ ]] || die "$variable: '$device' is no PCI address"
    command+=(--set "port[$number].device=$device")
    number=$((number + 1))
  done
done

if [ "$lanes" != keep ]; then
  # 0-2,5 becomes 0 1 2 5.
  cpus=()
  IFS=, read -r -a ranges <<<"${SLUICE_CPUS:-$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)}"
  for range in "${ranges[@]}"; do
    for ((cpu = ${range%-*}; cpu <= ${range#*-}; ++cpu)); do cpus+=("$cpu"); done
  done
  # The first stays with the control loop, unless it is the only one.
  [ ${#cpus[@]} -lt 2 ] || cpus=("${cpus[@]:1}")
  [ "$lanes" -gt 0 ] || lanes=${#cpus[@]}
  [ "$lanes" -le ${#cpus[@]} ] || die "$lanes lanes on ${#cpus[@]} CPUs: ${cpus[*]}"
  [ "$lanes" -le 16 ] || lanes=16
  printf -v all '{ lcore = %d }, ' "${cpus[@]:0:lanes}"
  command+=(--set "lane=[${all%, }]")
fi

command+=("$@")
printf '%q ' "${command[@]}"; echo
[ -n "$dry" ] || exec "${command[@]}"

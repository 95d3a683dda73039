#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""How quiet the machine is: one line of JSON for each moment that bench/run.sh names.

  conditions.py FILE MOMENT     appends to FILE, warns if others use the machine
"""
import json
import os
import sys
import time

QUIET = 0.05   # share of all CPUs that may be busy before a measurement


def cpu_ticks():
    """(busy, idle, stolen) of all CPUs together."""
    with open('/proc/stat') as f:
        user, nice, system, idle, wait, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return user + nice + system + irq + softirq, idle + wait, steal


def huge_pages():
    out = {}
    with open('/proc/meminfo') as f:
        for line in f:
            name, _, value = line.partition(':')
            if name in ('HugePages_Total', 'HugePages_Free', 'Hugepagesize'):
                out[name] = int(value.split()[0])
    return out


def observe(moment, seconds=1.0):
    before = cpu_ticks()
    time.sleep(seconds)
    busy, idle, stolen = (b - a for a, b in zip(before, cpu_ticks()))
    total = max(1, busy + idle + stolen)
    return {'moment': moment, 'time': time.strftime('%Y-%m-%d %H:%M:%S %z'),
            'load_average': os.getloadavg()[0], 'busy_share': round((busy + stolen) / total, 3),
            'ticks': dict(zip(('busy', 'idle', 'stolen'), cpu_ticks())), **huge_pages()}


def read(path):
    try:
        with open(path) as f:
            return [json.loads(line) for line in f]
    except (OSError, ValueError):
        return []


def summary(moments):
    """What report.json says of them."""
    if not moments:
        return {}
    first, last = moments[0]['ticks'], moments[-1]['ticks']
    total = sum(last.values()) - sum(first.values())
    before = [m for m in moments if m['moment'] != 'end']
    return {'began': moments[0]['time'], 'ended': moments[-1]['time'],
            'load_average': [round(m['load_average'], 2) for m in before],
            'busy_share_before': [m['busy_share'] for m in before],
            'quiet': all(m['busy_share'] <= QUIET for m in before),
            'stolen_share': round((last['stolen'] - first['stolen']) / total, 4) if total > 0 else 0,
            'huge_pages_reserved': max(m.get('HugePages_Total', 0) for m in moments),
            'huge_page_kb': moments[0].get('Hugepagesize')}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    now = observe(sys.argv[2])
    with open(sys.argv[1], 'a') as f:
        f.write(json.dumps(now) + '\n')
    print(f'bench: {now["moment"]}: load average {now["load_average"]:.2f}, '
          f'{100 * now["busy_share"]:.0f} % of the CPUs busy', file=sys.stderr)
    if now['moment'] != 'end' and now['busy_share'] > QUIET:
        print('bench: WARNING: this machine is not quiet; absolute figures will be too high, '
              'compare ratios only', file=sys.stderr)


if __name__ == '__main__':
    main()

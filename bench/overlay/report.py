#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Tables, ratios and JSON from what bench/overlay/run.sh has measured.

  report.py FOLDER RULES [JSON]    reads FOLDER/rounds, interfaces, xdp-mode, not-quiet
"""
import json
import os
import platform
import statistics
import sys

ORDER = ('direct', 'veth4', 'vxlan4', 'testpmd', 'sluice', 'testpmd_xdp', 'sluice_xdp')
IS = {
    'direct': 'nothing between client and server',
    'veth4': 'four namespaces with nftables, joined by veth',
    'vxlan4': 'four namespaces with nftables, joined by VXLAN',
    'testpmd': "testpmd in Sluice's place, AF_PACKET",
    'sluice': 'Sluice, four stages, AF_PACKET',
    'testpmd_xdp': "testpmd in Sluice's place, AF_XDP",
    'sluice_xdp': 'Sluice, four stages, AF_XDP',
}
ACK_EVERY = 32   # udp_load.cc: the middle carries the answers too


def figures(row):
    """The metrics of one set-up in one round."""
    load, own = row['load'], row['own']
    hz = load['tsc_hz']
    out = {
        'rtt_p50_us': row['rtt']['p50_us'],
        'rtt_p99_us': row['rtt']['p99_us'],
        'kpps': load['kpps'],
        'cycles_per_packet': load['busy_s'] * hz / load['arrived'],
        'tcp_gbps': row['tcp']['gbps'],
    }
    if row['tcp_offloads']:
        out['tcp_offloads_gbps'] = row['tcp_offloads']['gbps']
    busy_s = load['busy_s']
    if own:
        own_busy = own.get('busy_cycles')
        if own_busy is None:
            own_busy = own['busy_share'] * (row['own_to'] - row['own_from']) * hz
        out['own_cycles_per_packet'] = own_busy / own['packets']
        # Its CPU polls without a pause: what found nothing is taken out here.
        carried = load['arrived'] * (1 + 1 / ACK_EVERY)
        busy_s -= max(0.0, load['seconds'] - out['own_cycles_per_packet'] * carried / hz)
    out['work_cycles_per_packet'] = busy_s * hz / load['arrived']
    return out


def gather(rows):
    """{set-up: {metric: [value of each round]}}"""
    out = {}
    for row in rows:
        for name, value in figures(row).items():
            out.setdefault(row['setup'], {}).setdefault(name, []).append(value)
    return out


def lines(folder, name):
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        return []
    with open(path) as f:
        return [' '.join(line.split()) for line in f]


def conditions(folder, rows, rules):
    cpu = 'unknown'
    with open('/proc/cpuinfo') as f:
        for line in f:
            if line.startswith('model name'):
                cpu = line.split(':', 1)[1].strip()
                break
    return {
        'cpu': cpu,
        'cpus': os.cpu_count(),
        'kernel': platform.release(),
        'tsc_hz': round(statistics.median(r['load']['tsc_hz'] for r in rows)),
        'rounds': max(r['round'] for r in rows),
        'seconds_each': round(statistics.median(r['load']['seconds'] for r in rows), 1),
        'rules': rules,
        'idle states': 'kept off while round trips are measured'
                       if all(r['rtt']['awake'] for r in rows) else 'as they are',
        'interfaces': lines(folder, 'interfaces'),
        'xdp': (lines(folder, 'xdp-mode') or [None])[0],
        'lost': sum(r['load']['lost'] + r['rtt']['lost'] for r in rows),
        'stolen_s': round(sum(r['load']['stolen_s'] for r in rows), 2),
        'measured while not quiet': len(lines(folder, 'not-quiet')),
    }


def table(head, rows):
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]
    for row in [head] + rows:
        print('  '.join(cell.ljust(widths[0]) if i == 0 else cell.rjust(widths[i])
                        for i, cell in enumerate(row)).rstrip())
    print()


def cell(value, digits):
    return '-' if value is None else f'{value:,.{digits}f}'


def print_figures(median):
    columns = (('rtt_p50_us', 'RTT p50 µs', 1), ('rtt_p99_us', 'p99 µs', 1), ('kpps', 'kpps', 0),
               ('cycles_per_packet', 'cycles/packet', 0),
               ('work_cycles_per_packet', 'without idle polls', 0),
               ('own_cycles_per_packet', 'own', 0), ('tcp_gbps', 'TCP Gbit/s', 2),
               ('tcp_offloads_gbps', 'offloads on', 2))
    table(('set-up',) + tuple(c[1] for c in columns),
          [(s,) + tuple(cell(m.get(c[0]), c[2]) for c in columns) for s, m in median.items()])


def print_ratios(median):
    """Each set-up beside Sluice, and what it adds to nothing in between."""
    sluice, direct = median['sluice'], median['direct']
    rows = []
    for setup, m in median.items():
        more = {n: m[n] - direct[n] for n in ('rtt_p50_us', 'work_cycles_per_packet')}
        rows.append((setup, f'{m["rtt_p50_us"] / sluice["rtt_p50_us"]:.2f}',
                     f'{m["rtt_p99_us"] / sluice["rtt_p99_us"]:.2f}',
                     f'{m["kpps"] / sluice["kpps"]:.2f}',
                     f'{m["cycles_per_packet"] / sluice["cycles_per_packet"]:.2f}',
                     f'{m["tcp_gbps"] / sluice["tcp_gbps"]:.2f}',
                     f'{more["rtt_p50_us"]:+.1f}', f'{more["work_cycles_per_packet"]:+,.0f}'))
    table(('times Sluice\'s', 'RTT p50', 'p99', 'kpps', 'cycles/packet', 'TCP',
           'added to direct: RTT p50 µs', 'cycles/packet'), rows)


def print_share(median):
    """What of Sluice's figure is the kernel's veth and socket."""
    for setup, floor in (('sluice', 'testpmd'), ('sluice_xdp', 'testpmd_xdp')):
        if setup not in median or floor not in median:
            continue
        ours, theirs = median[setup], median[floor]
        cycles, bare = ours['own_cycles_per_packet'], theirs['own_cycles_per_packet']
        print(f'{setup}: {cycles:,.0f} cycles a packet on its own CPU, testpmd {bare:,.0f} in its place '
              f'({100 * bare / cycles:.0f} %): that much is the kernel\'s veth and socket; '
              f'round trip {ours["rtt_p50_us"]:.1f} µs, testpmd {theirs["rtt_p50_us"]:.1f} µs.')
    print()


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(os.path.join(sys.argv[1], 'rounds')) as f:
        rows = [json.loads(line) for line in f]
    values = gather(rows)
    median = {s: {n: statistics.median(v) for n, v in values[s].items()} for s in ORDER if s in values}
    now = conditions(sys.argv[1], rows, int(sys.argv[2]))

    print()
    for setup in median:
        print(f'{setup:12} {IS[setup]}')
    print()
    for name, value in now.items():
        print(f'{name:24} {"; ".join(value) if isinstance(value, list) else value}')
    print()
    print(f'Medians of {now["rounds"]} interleaved rounds. UDP in 64-byte frames.')
    print()
    print_figures(median)
    print_ratios(median)
    print_share(median)

    if len(sys.argv) == 4:
        report = {
            'metrics': {f'overlay.{s}.{n}': round(v, 3) for s, m in median.items() for n, v in m.items()},
            'spread': {f'overlay.{s}.{n}': [round(min(v), 3), round(max(v), 3)]
                       for s, m in values.items() for n, v in m.items()},
            'conditions': now,
            'rounds': rows,
        }
        with open(sys.argv[3], 'w') as f:
            json.dump(report, f, indent=2)
            f.write('\n')
        print('written: ' + sys.argv[3])


if __name__ == '__main__':
    main()

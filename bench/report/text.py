# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The report on a terminal."""


def table(head, rows, left=(0,)):
    rows = [[str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head)] + rows) for i in range(len(head))]
    for row in [list(head)] + rows:
        print('  '.join(c.ljust(w) if i in left else c.rjust(w)
                        for i, (c, w) in enumerate(zip(row, widths))).rstrip())
    print()


def flows_text(n):
    return f'{n / 1e6:g} M' if n >= 1_000_000 else f'{n / 1e3:g} k'


def number(value, digits=1):
    return '-' if value is None else f'{value:,.{digits}f}'


def auto(value):
    """Three figures that tell something."""
    return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3g}'


def cycles(row, name):
    return number(row[name]['cycles'], 0) if name in row else '-'


def print_chain(rows):
    if not rows:
        return
    print('Decided flows in random order, both directions alike; TSC cycles a packet of all workers\n'
          'added, the ports\' own (io) not in them. look-up: parse the five-tuple, find the flow,\n'
          'count; rte_hash: the same by DPDK\'s table.\n')
    out = []
    for r in rows:
        c = r['chain']
        out.append((r['series'], r['placement'], r['family'], flows_text(r['flows']),
                    f'{r["rules"]:,}', r['frame'], number(c['cycles'], 0),
                    f'{c["min"]:.0f}..{c["max"]:.0f}', cycles(r, 'lookup'), cycles(r, 'rte_hash'),
                    number(r.get('ratio'), 2), number(r['mpps'], 2), cycles(r, 'io'),
                    'yes' if r.get('huge_pages') else 'no'))
    table(('series', 'placement', 'family', 'flows', 'rules', 'frame', 'cycles', 'min..max',
           'look-up', 'rte_hash', 'ratio', 'Mpps', 'io', '2-MiB pages'), out, left=(0, 1, 2))


def print_goals(goals):
    if goals:
        table(('goal', 'measured', '', 'bound', ''),
              [(what, auto(value), op, auto(bound), 'met' if met else 'NOT MET')
               for what, value, op, bound, met in goals])


def print_scenarios(data):
    if 'latency' in data:
        print(f'Latency in the box at {data["latency"]["load_mpps"]:.2f} Mpps, half of what goes; µs')
        table(('', 'p50', 'p99', 'p99.9', 'greatest'),
              [(name,) + tuple(number(data['latency'][key][f'{p}_us'], 2)
                               for p in ('p50', 'p99', 'p999', 'max'))
               for name, key in (('decided flows', 'decided'), ('with new flows', 'with_new_flows'))
               if key in data['latency']])
    if 'newflows' in data:
        print('New connections')
        table(('', 'thousand/s', 'cycles', 'its parts alone'),
              [(kind, number(v['kps']), number(v['cycles'], 0), number(v.get('parts_cycles'), 0))
               for kind, v in data['newflows'].items()])
    if 'statistics' in data:
        print('What counting costs: TSC cycles a packet by the wall clock, ports included')
        table(('flows', 'counted', 'not counted', 'overhead', 'min..max'),
              [(k, number(v['with_cycles']), number(v['without_cycles']),
                f'{100 * v["overhead"]:.1f} %', f'{100 * v["min"]:.1f}..{100 * v["max"]:.1f} %') for k, v in data['statistics'].items()])
    for name in ('handover', 'lanes'):
        if name in data:
            print(name)
            table(('', ''), [(k, auto(v)) for k, v in data[name].items()])


def print_all(report):
    print_chain(report.get('chain', []))
    print_scenarios(report)
    print_goals(report['goals'])
    for what, why in report['missing'].items():
        print(f'missing: {what}: {why}')
    for doubt in report['doubts']:
        print(f'doubtful: {doubt}')
    if report['conditions'].get('quiet') is False:
        print('This machine was not quiet: compare ratios, not cycles; what is met or not decides nothing.')

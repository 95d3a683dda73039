# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Inspection beside Suricata and ndpiReader: what bench/dpi/compare.py has measured, as one
table, as metrics, as plots."""
import statistics

import svg
from text import number, table

FIGURES = ('gbps', 'mpps', 'cycles', 'cycles_per_byte', 'port_cycles', 'others_cycles', 'kflows',
           'forwarded')
NAMES = {'sluice': 'Sluice', 'suricata': 'Suricata', 'ndpiReader': 'ndpiReader'}
COLOURS = {'sluice': 's0', 'suricata': 's1', 'ndpiReader': 's2'}


def _key(row):
    return row['capture'], row['rules'], row['engine'], row['events']


def _merge(rows):
    """One row of the same measurement's rows in several passes."""
    out = dict(rows[0])
    for figure in FIGURES:
        values = [r[figure] for r in rows if figure in r]
        if values:
            out[figure] = {'value': statistics.median(v['value'] for v in values),
                           'min': min(v['min'] for v in values),
                           'max': max(v['max'] for v in values)}
    for figure in ('alerts_per_1k_flows', 'resident_mb'):
        values = [r[figure] for r in rows if r.get(figure) is not None]
        if values:
            out[figure] = statistics.median(values)
    stages = [r['stages'] for r in rows if 'stages' in r]
    if stages:
        out['stages'] = {name: statistics.median(s[name] for s in stages if name in s)
                         for name in stages[0]}
    return out


def combine(passes):
    """What several passes have measured, as one."""
    found = {}
    for one in passes:
        for row in one['rows']:
            found.setdefault(_key(row), []).append(row)
    missing = {}
    for one in passes:
        missing.update(one.get('missing', {}))
    return {**passes[0], 'rows': [_merge(rows) for rows in found.values()], 'missing': missing}


def find(data, *key):
    return next((r for r in data['rows'] if _key(r) == key), None)


def _triple(figure):
    return figure['value'], figure['min'], figure['max']


def metrics(data):
    """{key: (value, least, greatest)}"""
    out = {}
    for row in data['rows']:
        if row['engine'] == 'ndpiReader':
            continue
        prefix = f'dpi.{row["capture"]}.{row["rules"]}.{row["engine"]}{"" if row["events"] else "_quiet"}'
        for figure in ('gbps', 'mpps', 'cycles', 'cycles_per_byte'):
            out[f'{prefix}.{figure}'] = _triple(row[figure])
        stage = row.get('stages', {}).get('dpi')
        if stage is not None:
            mean = data['captures'][row['capture']]['mean_frame']
            out[f'{prefix}.stage_cycles'] = (stage,) * 3
            out[f'{prefix}.stage_cycles_per_byte'] = (stage / mean,) * 3
        other = find(data, row['capture'], row['rules'], 'suricata', row['events'])
        if row['engine'] == 'sluice' and other:
            times = row['gbps']['value'] / other['gbps']['value']
            name = f'dpi.{row["capture"]}.{row["rules"]}.times_suricata{"" if row["events"] else "_quiet"}'
            out[name] = (times,) * 3
            if other.get('alerts_per_1k_flows'):
                share = row['alerts_per_1k_flows'] / other['alerts_per_1k_flows']
                out[name.replace('times_', 'alerts_beside_')] = (share,) * 3
    for capture in data['captures']:
        own = find(data, capture, 'none', 'sluice', False)
        reader = find(data, capture, 'none', 'ndpiReader', False)
        prefix = f'dpi.{capture}.classification'
        for name, row in (('sluice', own), ('ndpireader', reader)):
            if row:
                out[f'{prefix}.{name}_kflows'] = _triple(row['kflows'])
        if own and reader:
            out[f'{prefix}.times_ndpireader'] = (own['kflows']['value'] / reader['kflows']['value'],) * 3
    return out


def _spread(figure, digits):
    return (f'{number(figure["value"], digits)} ({number(figure["min"], digits)}..'
            f'{number(figure["max"], digits)})')


HEAD = ('capture', 'rules', 'engine', 'events', 'Gbit/s', 'Mpps', 'cycles a packet', 'a byte',
        'dpi stage', 'other CPUs', 'alerts/1k flows', 'x Suricata')


def table_rows(data):
    out = []
    for row in sorted(data['rows'], key=lambda r: (r['capture'], data['rule_sets'].get(r['rules'], 0),
                                                   not r['events'], r['engine'])):
        if row['engine'] == 'ndpiReader':
            continue
        other = find(data, row['capture'], row['rules'], 'suricata', row['events'])
        times = (f'{row["gbps"]["value"] / other["gbps"]["value"]:.2f}'
                 if row['engine'] == 'sluice' and other else '')
        out.append((row['capture'], f'{data["rule_sets"].get(row["rules"], 0):,}', NAMES[row['engine']],
                    'all' if row['events'] else 'alerts', _spread(row['gbps'], 2),
                    number(row['mpps']['value'], 2), _spread(row['cycles'], 0),
                    number(row['cycles_per_byte']['value'], 2),
                    number(row.get('stages', {}).get('dpi'), 0),
                    number(row['others_cycles']['value'], 0),
                    number(row.get('alerts_per_1k_flows'), 1), times))
    return out


def flow_rows(data):
    """Classification alone: (capture, program, thousand flows a second, least..greatest)."""
    out = []
    for capture in data['captures']:
        for engine in ('sluice', 'ndpiReader'):
            row = find(data, capture, 'none', engine, False)
            if row:
                out.append((capture, NAMES[engine], _spread(row['kflows'], 1)))
    return out


def describe(data):
    """A sentence for each capture."""
    return [f'{name}: {c["sources"]} captures or connections, {c["flows"]} flows, {c["packets"]:,} packets '
            f'of {c["mean_frame"]:.0f} bytes; HTTP {100 * c["bytes_share"]["http"]:.0f} %, '
            f'TLS {100 * c["bytes_share"]["tls"]:.0f} % of the bytes'
            for name, c in data['captures'].items()]


def print_tables(data):
    if not data:
        return
    print("Inspection, everything on, beside Suricata on the same port with the same frames and rules;\n"
          "cycles of the worker's CPU time, the port's own not in them, Gbit/s with them.\n")
    print('\n'.join(describe(data)) + '\n')
    table(HEAD, table_rows(data), left=(0, 2, 3))
    flows = flow_rows(data)
    if flows:
        table(('classification alone', 'program', 'thousand flows/s'), flows, left=(0, 1))


def plot(report, figure, digits):
    data = report.get('dpi')
    if not data:
        return None
    rows = []
    for capture in data['captures']:
        for rules, count in sorted(data['rule_sets'].items(), key=lambda item: item[1]):
            for engine in ('sluice', 'suricata'):
                row = find(data, capture, rules, engine, True)
                if row:
                    f = row[figure]
                    rows.append((COLOURS[engine], f'{capture}, {count:,}: {NAMES[engine]}', f['value'],
                                 f['min'], f['max']))
    return svg.bars(rows, figure, digits=digits) if rows else None


def plot_flows(report):
    data = report.get('dpi')
    if not data:
        return None
    rows = []
    for capture in data['captures']:
        for engine in ('sluice', 'ndpiReader'):
            row = find(data, capture, 'none', engine, False)
            if row:
                f = row['kflows']
                rows.append((COLOURS[engine], f'{capture}: {NAMES[engine]}', f['value'], f['min'], f['max']))
    return svg.bars(rows, 'thousand flows a second', digits=0) if rows else None


def plot_stages(report):
    """Where a packet's cycles go in Sluice: stages, and the rest."""
    data, bars = report.get('dpi'), []
    for row in data['rows'] if data else ():
        if row['engine'] != 'sluice' or not row['events'] or not row.get('stages'):
            continue
        pieces, whole = [], row['cycles']['value']
        for name, colour in (('dpi', 's5'), ('firewall', 's1'), ('identity', 's3'), ('forwarding', 's4')):
            pieces.append((colour, name, row['stages'].get(name, 0.0)))
        pieces.append(('rest', 'the rest: receive, parse, find, transmit',
                       max(0.0, whole - sum(p[2] for p in pieces))))
        bars.append((f'{row["capture"]} {row["rules"]}', pieces))
    return svg.stacked(bars, 'TSC cycles a packet', 'where the cycles go') if bars else None

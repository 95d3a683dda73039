# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The report's plots: which figures go into which. Each returns SVG or None."""
import known
import svg
from text import flows_text

FLOW_TICKS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
STAGES = ('identity', 'dpi', 'firewall', 'forwarding')


def rows_of(report, *series):
    rows = [r for r in report.get('chain', []) if r['series'] in series]
    return sorted(rows, key=lambda r: (r['flows'], r['rules']))


def points(rows, floor='chain'):
    return [(r['flows'], r[floor]['cycles'], r[floor]['min'], r[floor]['max'])
            for r in rows if floor in r]


def cycles_by_flows(report):
    rows = rows_of(report, 'flows')
    if not rows:
        return None
    series = [('s0', 'chain, IPv4', points(rows)),
              ('s1', 'chain, IPv6', points(rows_of(report, 'ipv6'))),
              ('s2', 'bare look-up, same run', points(rows, 'lookup')),
              ('s3', 'rte_hash and entry, same run', points(rows, 'rte_hash'))]
    most = max(r['flows'] for r in rows)
    for i, (name, line) in enumerate(known.LINES):
        series.append((f'ref r{i}', name + ' (elsewhere)', [p for p in line if p[0] <= most]))
    return svg.lines(series, 'established flows', 'TSC cycles a packet',
                     'cycles a packet against the number of flows', x_ticks=ticks(rows))


def ticks(rows):
    flows = [r['flows'] for r in rows]
    return [t for t in FLOW_TICKS if min(flows) <= t <= max(flows)] or sorted(set(flows))


def rate_by_flows(report):
    rows = rows_of(report, 'flows')
    if not rows:
        return None
    series = [(c, name, [(r['flows'], r['mpps']) for r in rows_of(report, key)])
              for c, name, key in (('s0', 'run to completion, IPv4, one core', 'flows'),
                                   ('s1', 'run to completion, IPv6, one core', 'ipv6'),
                                   ('s4', 'pinned pipeline, IPv4, two cores', 'pipeline'))]
    return svg.lines(series, 'established flows', 'Mpps',
                     'throughput against the number of flows', x_ticks=ticks(rows))


def rate_by_rules(report):
    rows = rows_of(report, 'rules')
    if not rows:
        return None
    return svg.lines([('s0', 'established flows, one core', [(r['rules'], r['mpps']) for r in rows])],
                     'firewall rules', 'Mpps', 'throughput against the number of rules',
                     x_ticks=sorted({r['rules'] for r in rows}))


def frame_name(row):
    return 'IMIX' if row['frame'] == 'IMIX' else f'{row["frame"]} B'


IMIX_BYTES = (7 * 64 + 4 * 594 + 1518) / 12


def line_rate(row):
    """Gbit/s on the wire: preamble, start and gap are 20 bytes a frame."""
    size = IMIX_BYTES if row['frame'] == 'IMIX' else row['frame']
    return row['mpps'] * (size + 20) * 8 / 1e3


def by_frame(report, kind):
    rows = [r for r in report.get('chain', []) if r['series'] == 'sizes']
    if not rows:
        return None
    rows.sort(key=lambda r: (r['frame'] == 'IMIX', r['frame'] if r['frame'] != 'IMIX' else 0))
    if kind == 'cycles':
        return svg.bars([('s0', frame_name(r), r['chain']['cycles'], r['chain']['min'],
                          r['chain']['max']) for r in rows], 'cycles a packet by frame size',
                        digits=0)
    return svg.bars([('s2', frame_name(r), line_rate(r), 0, 0) for r in rows],
                    'Gbit/s on the wire by frame size', digits=1)


def slower_than(buckets):
    """[(µs, share of the packets that took longer)]"""
    total = sum(n for _, n in buckets)
    out, seen = [], 0
    for upper, n in buckets:
        seen += n
        if seen < total:
            out.append((max(upper, 1e-3), (total - seen) / total))
    return out


def latency(report):
    data = report.get('latency') or {}
    names = (('s0', 'decided flows', 'decided'),
             ('s1', 'with new flows through nDPI', 'with_new_flows'))
    series = [(c, name, slower_than(data[key].get('buckets', []))) for c, name, key in names
              if key in data]
    if not any(s[2] for s in series):
        return None
    return svg.lines(series, 'µs from received to handed to transmit',
                     'packets that took longer',
                     'latency distribution', y_log=True, dots=False, y_text=lambda v: f'{100 * v:g} %')


def where_cycles_go(report):
    """Bars by flows: the stages' share, the look-up's (measured beside), the rest."""
    bars = []
    for r in rows_of(report, 'flows') + rows_of(report, 'pipeline'):
        pieces, used = [], 0.0
        whole = r['chain']['cycles']
        # A look-up that cost more than the chain with it in tells nothing of the chain.
        look_up = r['lookup']['cycles'] if 'lookup' in r else None
        if look_up is not None and look_up < whole:
            pieces.append(('s2', 'parse, find, count (the bare look-up, measured beside)', look_up))
            used += look_up
        for i, s in enumerate(r.get('stages', [])):
            share = min(s['cycles'] * (1 - s['settled']), max(0.0, whole - used))
            colour = STAGES.index(s['stage']) if s['stage'] in STAGES else i
            pieces.append((('s3', 's5', 's1', 's4')[colour % 4], s['stage'], share))
            used += share
        pieces.append(('rest', 'the rest: receive, count, time, transmit', max(0.0, whole - used)))
        name = flows_text(r['flows']) + (' pinned' if r['series'] == 'pipeline' else '')
        bars.append((name, pieces))
    return svg.stacked(bars, 'TSC cycles a packet', 'where the cycles go') if bars else None


def stages_when_they_look(report):
    """What a stage costs a packet that it does look at: the first ones of a flow."""
    rows = rows_of(report, 'flows')
    if not rows or not rows[0].get('opening'):
        return None
    row = min(rows, key=lambda r: abs(r['flows'] - 100_000))
    pieces = [(f's{(3, 5, 1, 4)[i % 4]}', s['stage'], s['cycles'], 0, 0)
              for i, s in enumerate(row['opening']) if s['cycles'] > 0]
    return svg.bars(pieces, 'cycles a packet of each stage', log=True, digits=0) if pieces else None


def new_flows(report):
    rows = []
    for kind, name in (('plain', 'without dpi'), ('ndpi', 'nDPI'),
                       ('signatures', 'nDPI and signatures'),
                       ('rules_5k', 'one datagram, 5,000 rules')):
        v = (report.get('newflows') or {}).get(kind)
        if v and v.get('cycles'):
            rows.append(('s0', name, v['cycles'], 0, 0))
            if v.get('parts_cycles'):
                rows.append(('rest', 'its parts alone', v['parts_cycles'], 0, 0))
    return svg.bars(rows, 'cycles a connection', digits=0) if rows else None


SETUPS = (('direct', 'nothing between'), ('veth4', '4 namespaces, veth'),
          ('vxlan4', '4 namespaces, VXLAN'), ('testpmd', "testpmd in Sluice's place"),
          ('sluice', 'Sluice, AF_PACKET'), ('testpmd_xdp', 'testpmd, AF_XDP'),
          ('sluice_xdp', 'Sluice, AF_XDP'))


def overlay(report, figure, digits, log=False):
    rows = []
    for setup, name in SETUPS:
        key = f'overlay.{setup}.{figure}'
        if key in report['metrics']:
            low, high = report['spread'].get(key, (0, 0))
            colour = 's0' if setup.startswith('sluice') else 's2' if setup.startswith('testpmd') else 'rest'
            rows.append((colour, name, report['metrics'][key], low, high))
    return svg.bars(rows, figure, log=log, digits=digits) if rows else None

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What bench/run.sh has measured, read and made one: medians over its passes."""
import glob
import json
import os
import statistics

import dpi

# Names of run.sh's calls of chain_bench's scenario `established`.
SERIES = ('flows', 'ipv6', 'sizes', 'rules', 'pipeline')
SCENARIOS = ('rules', 'latency', 'newflows', 'handover', 'lanes')
PARTS = ('flowtable', 'identity', 'dpi', 'stream', 'matcher', 'firewall', 'forwarding')


def read_json(path):
    """None where there is nothing, or not JSON: what is missing is reported as missing."""
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def count_name(n):
    """1000 -> 1k, 100000 -> 100k, 1000000 -> 1m, 10 -> 10"""
    for unit, name in ((1_000_000, 'm'), (1_000, 'k')):
        if n >= unit and n % unit == 0:
            return f'{n // unit}{name}'
    return str(n)


def _buckets(lists):
    counts = {}
    for buckets in lists:
        for upper, n in buckets:
            counts[upper] = counts.get(upper, 0) + n
    return [[upper, counts[upper]] for upper in sorted(counts)]


def merge(values, key=''):
    """One value for several measurements of it."""
    first = values[0]
    if key == 'buckets':
        return _buckets(values)
    if isinstance(first, dict):
        keys = dict.fromkeys(k for v in values for k in v)
        return {k: merge([v[k] for v in values if k in v], k) for k in keys}
    if isinstance(first, list):
        if any(len(v) != len(first) for v in values):
            return first
        return [merge(list(items)) for items in zip(*values)]
    if isinstance(first, bool):
        return all(values)
    if isinstance(first, (int, float)):
        if key == 'min':
            return min(values)
        if key in ('max', 'max_us'):
            return max(values)
        return statistics.median(values)
    return first


def row_key(row):
    return (row['series'], row['placement'], row['family'], row['flows'], row['rules'],
            row['frame'])


def merge_rows(passes):
    """Rows of the same measurement in several passes become one."""
    found = {}
    for rows in passes:
        for row in rows:
            found.setdefault(row_key(row), []).append(row)
    return [merge(rows) for rows in found.values()]


def read_pass(folder, number):
    """{'chain': rows, 'latency': ..., ...} of one pass; what failed has no key."""
    out = {'chain': []}
    for series in SERIES:
        data = read_json(os.path.join(folder, f'{series}.{number}.json'))
        for row in (data or {}).get('chain', []):
            out['chain'].append({'series': series, **row})
        if data and 'tsc_hz' in data:
            out['tsc_hz'] = data['tsc_hz']
    for name in SCENARIOS:
        data = read_json(os.path.join(folder, f'{name}.{number}.json'))
        if data and name in data:
            out[name] = data[name]
            out.setdefault('tsc_hz', data.get('tsc_hz'))
    inspection = read_json(os.path.join(folder, f'dpi.{number}.json'))
    if inspection:
        out['dpi'] = inspection['dpi']
    counting = read_statistics(folder, number)
    if counting:
        out['statistics'] = counting
    return out


def read_statistics(folder, number):
    """What counting costs: the same chain from two builds in turns, by the wall clock, for a
    build that counts nothing does not know its busy cycles either. The least of a turn's short
    windows: others on the machine only add."""
    wall = {}   # flows -> [(with, without) of each turn]
    for path in sorted(glob.glob(os.path.join(folder, f'counted-*.{number}.json'))):
        rows = [{row['flows']: row['wall']['min']
                 for row in (read_json(p) or {}).get('chain', []) if 'wall' in row}
                for p in (path, os.path.join(folder, 'un' + os.path.basename(path)))]
        for flows in rows[0].keys() & rows[1].keys():
            wall.setdefault(flows, []).append((rows[0][flows], rows[1][flows]))
    out = {}
    for flows, turns in sorted(wall.items()):
        shares = [with_ / without - 1 for with_, without in turns]
        out[f'flows_{count_name(flows)}'] = {
            'with_cycles': statistics.median(t[0] for t in turns),
            'without_cycles': statistics.median(t[1] for t in turns),
            'overhead': statistics.median(shares), 'min': min(shares), 'max': max(shares)}
    return out


def numbers(folder):
    found = set()
    for path in glob.glob(os.path.join(folder, '*.*.json')):
        found.add(int(os.path.basename(path).split('.')[1]))
    return sorted(found)


def combine(passes):
    out = {'chain': merge_rows([p['chain'] for p in passes])}
    for name in SCENARIOS + ('statistics', 'tsc_hz'):
        values = [p[name] for p in passes if p.get(name) is not None]
        if values:
            out[name] = merge(values)
    inspections = [p['dpi'] for p in passes if p.get('dpi')]
    if inspections:
        out['dpi'] = dpi.combine(inspections)
    return out


def read_missing(folder):
    """{what: why}"""
    out = {}
    path = os.path.join(folder, 'missing')
    if os.path.isfile(path):
        with open(path) as f:
            for line in f:
                what, _, why = line.rstrip('\n').partition('\t')
                out[what] = why
    return out


def gather(folder):
    """(all passes as one, each pass)"""
    passes = [read_pass(folder, n) for n in numbers(folder)]
    data = combine(passes) if passes else {'chain': []}
    data['parts'] = {}
    for name in PARTS:
        part = read_json(os.path.join(folder, f'part-{name}.json'))
        if part:
            data['parts'][name] = part['benchmarks']
    overlay = read_json(os.path.join(folder, 'overlay.json'))
    if overlay:
        data['overlay'] = overlay
    data['missing'] = read_missing(folder)
    for what, why in (data.get('dpi') or {}).get('missing', {}).items():
        data['missing'].setdefault(what, why)
    return data, passes

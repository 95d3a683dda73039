# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The flat object `metrics` of report.json, and its spread. Keys: bench/README.md."""
import dpi
from gather import count_name

# (key, path in the scenario's object)
SCALARS = {
    'latency': [
        ('chain.latency.p50_us', 'decided.p50_us'),
        ('chain.latency.p99_us', 'decided.p99_us'),
        ('chain.latency.p999_us', 'decided.p999_us'),
        ('chain.latency.max_us', 'decided.max_us'),
        ('chain.latency.load_mpps', 'load_mpps'),
        ('chain.latency_new_flows.p50_us', 'with_new_flows.p50_us'),
        ('chain.latency_new_flows.p99_us', 'with_new_flows.p99_us'),
        ('chain.latency_new_flows.p999_us', 'with_new_flows.p999_us'),
    ],
    'newflows': [(f'newflows.{kind}.{what}', f'{kind}.{what}')
                 for kind in ('plain', 'ndpi', 'signatures')
                 for what in ('kps', 'cycles', 'parts_cycles')] + [
        (f'newflows.rules_5k.{what}', f'rules_5k.{what}')
        for what in ('kps', 'cycles', 'connection_cycles')],
    'handover': [
        ('handover.cycles', 'cycles'),
        ('handover.ring_cycles', 'ring_cycles'),
        ('handover.run_to_completion_cycles', 'run_to_completion_cycles'),
        ('handover.pipeline_cycles', 'pipeline_cycles'),
        ('handover.added_latency_us', 'added_latency_us'),
    ],
    'lanes': [
        ('lanes_1.mpps', 'one_mpps'),
        ('lanes_2.mpps', 'two_mpps'),
        ('lanes_2.speedup', 'speedup'),
        ('lanes_2.floor_speedup', 'floor_speedup'),
    ],
    'statistics': [
        ('stats.with_cycles', 'flows_1k.with_cycles'),
        ('stats.without_cycles', 'flows_1k.without_cycles'),
    ],
}


def look_up(data, path):
    for key in path.split('.'):
        if not isinstance(data, dict) or key not in data:
            return None
        data = data[key]
    return data


def row_prefix(row):
    """The name under which a row's figures stand in `metrics`."""
    flows = f'flows_{count_name(row["flows"])}'
    series = row['series']
    if series == 'flows':
        return f'chain.{flows}'
    if series == 'ipv6':
        return f'chain.v6.{flows}'
    if series == 'pipeline':
        return f'pipeline.{flows}'
    if series == 'rules':
        return f'chain.rules_{count_name(row["rules"])}'
    frame = row['frame']
    return 'chain.imix' if frame == 'IMIX' else f'chain.frame_{frame}'


def of_row(row):
    """{key: (value, least, greatest)} of one row of the scenario `established`."""
    prefix = row_prefix(row)
    chain = row['chain']
    out = {f'{prefix}.cycles': (chain['cycles'], chain['min'], chain['max']),
           f'{prefix}.mpps': (row['mpps'],) * 3}
    # The floors: beside chain.* they are lookup.*, rte_hash.* and io.*.
    for floor in ('lookup', 'rte_hash', 'io'):
        if floor in row and prefix.startswith('chain.'):
            f = row[floor]
            out[f'{floor}.{prefix[len("chain."):]}.cycles'] = (f['cycles'], f['min'], f['max'])
    if 'lookup' in row and 'rte_hash' in row and prefix.startswith('chain.'):
        times = row['lookup']['cycles'] / row['rte_hash']['cycles']
        out[f'lookup.{prefix[len("chain."):]}.times_rte_hash'] = (times,) * 3
    if 'ratio' in row:
        out[f'{prefix}.ratio'] = (row['ratio'],) * 3
    return out


def memory(rows):
    """Bytes a flow where most flows are: a small table's fixed parts say nothing."""
    rows = [r for r in rows if r['series'] == 'flows' and 'bytes_per_flow' in r]
    return max(rows, key=lambda r: r['flows'])['bytes_per_flow'] if rows else None


def all_of(data):
    out = {}
    for row in data['chain']:
        out.update(of_row(row))
    rules = data.get('rules')
    if rules:
        out[f'chain.rules_{count_name(rules["many"])}.share_of_{count_name(rules["few"])}'] = (
            rules['share'], rules['min'], rules['max'])
    for name in ('1k', '1m'):
        four, six = (out.get(f'chain.{v}flows_{name}.cycles') for v in ('', 'v6.'))
        if four and six:
            out[f'chain.v6.flows_{name}.times_v4'] = (six[0] / four[0],) * 3
    for scenario, keys in SCALARS.items():
        for key, path in keys:
            value = look_up(data.get(scenario), path)
            if value is not None:
                out[key] = (value,) * 3
    for flows, v in (data.get('statistics') or {}).items():
        key = 'stats.overhead' if flows == 'flows_1k' else f'stats.{flows}.overhead'
        out[key] = (v['overhead'], v['min'], v['max'])
    for kind in ('ndpi', 'signatures'):
        cycles, parts = (out.get(f'newflows.{kind}.{c}') for c in ('cycles', 'parts_cycles'))
        if cycles and parts:
            out[f'newflows.{kind}.times_parts'] = (cycles[0] / parts[0],) * 3
    if data.get('dpi'):
        out.update(dpi.metrics(data['dpi']))
    bytes_per_flow = memory(data['chain'])
    if bytes_per_flow is not None:
        out['memory.bytes_per_flow'] = (bytes_per_flow,) * 3
    return out


def metrics(data, passes=()):
    """(metrics, spread): medians, and the least and the greatest of any repetition."""
    merged = all_of(data)
    values = {k: v[0] for k, v in merged.items()}
    spread = {k: [v[1], v[2]] for k, v in merged.items()}
    for one in passes:
        for key, (_, low, high) in all_of(one).items():
            if key in spread:
                spread[key] = [min(spread[key][0], low), max(spread[key][1], high)]
    overlay = data.get('overlay') or {}
    values.update(overlay.get('metrics', {}))
    spread.update(overlay.get('spread', {}))
    return ({k: round(v, 4) for k, v in values.items()},
            {k: [round(v, 4) for v in pair] for k, pair in spread.items()})

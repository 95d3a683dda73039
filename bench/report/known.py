# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What this project wants to reach, and what others cost as they were measured elsewhere."""

# (what, metric, '<=' or '>=', bound)
GOALS = (
    ('decided flows, 64 B, 1 k flows: cycles', 'chain.flows_1k.cycles', '<=', 70),
    ('the same, 100 k flows', 'chain.flows_100k.cycles', '<=', 100),
    ('the same, 1 M flows', 'chain.flows_1m.cycles', '<=', 120),
    ('the same, 4 M flows', 'chain.flows_4m.cycles', '<=', 130),
    ('the same, 10 M flows', 'chain.flows_10m.cycles', '<=', 140),
    ('times the bare look-up, 1 k flows', 'chain.flows_1k.ratio', '<=', 3.5),
    ('times the bare look-up, 1 M flows', 'chain.flows_1m.ratio', '<=', 2.3),
    ('times the bare look-up, 4 M flows', 'chain.flows_4m.ratio', '<=', 2.3),
    ('times the bare look-up, 10 M flows', 'chain.flows_10m.ratio', '<=', 2.3),
    ('the look-up beside rte_hash (an honest floor), 1 k flows', 'lookup.flows_1k.times_rte_hash',
     '<=', 1.15),
    ('the same, 1 M flows', 'lookup.flows_1m.times_rte_hash', '<=', 1.15),
    ('the same, 10 M flows', 'lookup.flows_10m.times_rte_hash', '<=', 1.15),
    ('IPv6 beside IPv4, 1 k flows', 'chain.v6.flows_1k.times_v4', '<=', 1.25),
    ('IPv6 beside IPv4, 1 M flows', 'chain.v6.flows_1m.times_v4', '<=', 1.25),
    ('bytes a flow', 'memory.bytes_per_flow', '<=', 256),
    ('100,000 rules beside 10: throughput', 'chain.rules_100k.share_of_10', '>=', 0.98),
    ('a new flow, its one packet judged by 5,000 rules, without dpi: cycles in all',
     'newflows.rules_5k.cycles', '<=', 1500),
    ('new flows with nDPI beside their parts', 'newflows.ndpi.times_parts', '<=', 1.3),
    ('new flows with signatures beside their parts', 'newflows.signatures.times_parts', '<=', 1.3),
    ("captures of HTTP and TLS, no rules: times Suricata's throughput", 'dpi.web.none.times_suricata',
     '>=', 2),
    ('the same, 2,000 rules', 'dpi.web.2k.times_suricata', '>=', 2),
    ('the same, all rules', 'dpi.web.all.times_suricata', '>=', 2),
    ("captures of HTTP, all rules: times Suricata's throughput", 'dpi.http.all.times_suricata', '>=', 2),
    ('a hand-over: cycles', 'handover.cycles', '<=', 100),
    ('a hand-over: the ring alone, cycles', 'handover.ring_cycles', '<=', 20),
    ('a hand-over: added latency at half load, µs', 'handover.added_latency_us', '<=', 1),
    ('latency p50, decided flows at half load, µs', 'chain.latency.p50_us', '<=', 2),
    ('latency p99', 'chain.latency.p99_us', '<=', 5),
    ('latency p99.9', 'chain.latency.p999_us', '<=', 20),
    ('latency p99 with 1,000 new flows/s through nDPI', 'chain.latency_new_flows.p99_us', '<=', 30),
    ('statistics, histograms, counters: share', 'stats.overhead', '<=', 0.03),
)


NOISE = 0.03   # of turns that measure the same, before their difference says nothing


def doubts(data):
    """What cannot be so: a floor above what stands on it; less work that takes longer."""
    out = [f'{r["series"]}, {r["flows"]:,} flows: the look-up alone took {r["lookup"]["cycles"]:.0f} '
            f'cycles, the chain with a look-up in it {r["chain"]["cycles"]:.0f}: another process '
            'disturbed this, or the chain overlaps its waiting with work; take no ratio from it'
           for r in data.get('chain', [])
           if 'lookup' in r and r['lookup']['cycles'] > r['chain']['cycles']]
    for flows, v in (data.get('statistics') or {}).items():
        if v['min'] < -NOISE or v['max'] - v['min'] > 2 * NOISE:
            out.append(f'what counting costs, {flows}: between {100 * v["min"]:.1f} and '
                       f'{100 * v["max"]:.1f} % from turn to turn: the machine is too noisy to tell')
    return out


LANES_SHARE = 0.95   # of what the bare look-up scales to in the same run


def judged(metrics):
    """[(what, value, op, bound, met)] of all goals that have been measured."""
    out = []
    for what, key, op, bound in GOALS:
        if key in metrics:
            value = metrics[key]
            out.append((what, value, op, bound, value <= bound if op == '<=' else value >= bound))
    if 'lanes_2.speedup' in metrics and metrics.get('lanes_2.floor_speedup'):
        share = metrics['lanes_2.speedup'] / metrics['lanes_2.floor_speedup']
        out.append(("two lanes' speed-up beside the look-up's", share, '>=', LANES_SHARE,
                    share >= LANES_SHARE))
    return out


ELSEWHERE = 'as published or measured elsewhere: TSC 2.6 GHz, one core, 64-byte packets'

# (name, [(flows, cycles a packet)]); drawn as dashed lines.
LINES = (
    ('VPP 26.10, stateful ACL', ((1_000, 74), (100_000, 188), (1_000_000, 207))),
    ('VPP 26.10 SFDP, one service', ((1_000, 94), (1_000_000, 321))),
    ('rte_hash bulk, entry not touched',
     ((1_000, 25), (100_000, 29), (1_000_000, 53), (4_000_000, 57), (16_000_000, 62))),
)

# (name, cycles a packet); for the table, most are off the plot's scale.
OTHERS = (
    ('bare look-up, 128-byte entries; 1 k / 100 k / 1 M / 4 M random flows', '20 / 34 / 52 / 55'),
    ('VPP 26.10, IPv4 forwarding alone', '38'),
    ('VPP 26.10, IPv4 and reflexive (stateful) ACL, 10 to 5,000 rules; 1 k / 100 k / 1 M flows in '
     'random order', '74 / 188 / 207'),
    ('VPP 26.10, IPv4 and stateless ACL, 5,000 rules; 1 k / 100 k flows', '114 / 189'),
    ('VPP 26.10 SFDP with one service, l4-lifecycle; 1 k / 1 M / 1 M flows in random order',
     '94 / 181 / 321'),
    ('OVS-DPDK 3.1, conntrack and ACL, receive included; 1 k / 100 k flows', '600 / 1,100'),
    ('rte_hash bulk look-up of 32, 16-byte keys, entry not touched; 1 k / 100 k / 1 M / 4 M / 16 M',
     '25 / 29 / 53 / 57 / 62'),
    ('rte_fib look-up; 10 k / 100 k routes', '22 / 35'),
    ('rte_acl classify; 1,000 / 5,000 / 10,000 rules', '46 / 84 / 111'),
    ('Suricata 7 inline on DPDK, mixed captures; no rules / 17,817 rules of ET Open',
     '1,100 / 3,970'),
    ('testpmd on net_pcap: macswap / 5tswap / csum', '30 / 44 / 53'),
    ('four services in network namespaces joined by veth / by VXLAN', '30,000 / 160,000'),
)

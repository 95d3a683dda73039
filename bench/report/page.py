# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""report.html: one file, nothing from elsewhere."""
from html import escape

import dpi
import figures
import known
from style import STYLE
from text import auto, flows_text, number


def table(head, rows):
    if not rows:
        return ''
    cells = ''.join(f'<th>{escape(str(h))}</th>' for h in head)
    body = ''.join('<tr>' + ''.join(f'<td>{escape(str(c))}</td>' for c in row) + '</tr>'
                   for row in rows)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'


def plot(title, svg, caption):
    if svg is None:
        return ''
    return (f'<figure><h3>{escape(title)}</h3>{svg}'
            f'<figcaption>{caption}</figcaption></figure>')


def section(title, *parts):
    content = ''.join(p for p in parts if p)
    return f'<section><h2>{escape(title)}</h2>{content}</section>' if content else ''


def shown(value):
    if isinstance(value, dict):
        return ', '.join(f'{k} {v}' for k, v in value.items())
    if isinstance(value, list):
        return ', '.join(str(v) for v in value)
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return 'unknown' if value is None else str(value)


def facts(*dicts):
    rows = [(k.replace('_', ' '), shown(v)) for d in dicts for k, v in d.items()]
    return '<dl>' + ''.join(f'<dt>{escape(k)}</dt><dd>{escape(v)}</dd>' for k, v in rows) + '</dl>'


TILES = (('chain.flows_1m.cycles', 'cycles a packet', 'decided flows, 1 M, 64 B, whole chain'),
         ('chain.flows_1m.ratio', '× the bare look-up', '1 M flows, same run'),
         ('chain.flows_1m.mpps', 'Mpps a core', '1 M flows, 64 B, device included'),
         ('chain.latency.p99_us', 'µs, p99', 'in the box, half load'),
         ('newflows.ndpi.kps', 'thousand flows/s', 'new connections through nDPI, one core'),
         ('dpi.web.all.times_suricata', '× Suricata', 'throughput with all rules, HTTP and TLS'),
         ('memory.bytes_per_flow', 'bytes a flow', 'index, links, spare entries included'))


def tiles(metrics):
    out = ''.join(f'<div class="tile"><b>{auto(metrics[k])}</b><span>{escape(unit)}</span>'
                  f'<small>{escape(what)}</small></div>' for k, unit, what in TILES if k in metrics)
    return f'<div class="tiles">{out}</div>' if out else ''


def goal_table(report):
    rows = ''.join(
        f'<tr><td>{escape(g["what"])}</td><td>{auto(g["value"])}</td>'
        f'<td>{"≤" if g["op"] == "<=" else "≥"} {auto(g["bound"])}</td>'
        f'<td class="{"met" if g["met"] else "unmet"}">{"met" if g["met"] else "not met"}</td></tr>'
        for g in report['goals'])
    note = ('<p>The machine was not quiet, or figures are doubtful (below): this table decides '
            'nothing.</p>' if report['doubts'] or report['conditions'].get('quiet') is False else '')
    return (f'<div class="scroll"><table><thead><tr><th>figure</th><th>measured</th><th>goal</th>'
            f'<th></th></tr></thead><tbody>{rows}</tbody></table></div>' + note) if rows else ''


def spread(row, name):
    f = row.get(name)
    return f'{f["cycles"]:.0f} ({f["min"]:.0f} – {f["max"]:.0f})' if f else '–'


PLACEMENTS = {'run-to-completion': 'one worker', 'pinned-pipeline': 'two workers'}


def chain_table(report):
    return table(('placement', 'family', 'flows', 'rules', 'frame', 'chain', 'look-up', 'rte_hash',
                  'ratio', 'Mpps', 'ports', '2 MiB'),
                 [(PLACEMENTS.get(r['placement'], r['placement']), r['family'], flows_text(r['flows']), f'{r["rules"]:,}',
                   figures.frame_name(r), spread(r, 'chain'), spread(r, 'lookup'),
                   spread(r, 'rte_hash'), number(r.get('ratio'), 2), number(r['mpps'], 2),
                   spread(r, 'io'), shown(bool(r.get('huge_pages')))) for r in report.get('chain', [])])


def latency_table(report):
    data = report.get('latency') or {}
    rows = [(name,) + tuple(number(data[key][f'{p}_us'], 2) for p in ('p50', 'p99', 'p999', 'max'))
            for name, key in (('decided flows', 'decided'),
                              ('with 1,000 new flows/s through nDPI', 'with_new_flows'))
            if key in data]
    rows += [(f'stage {s["stage"]}, a burst', number(s['p50_us'], 2), number(s['p99_us'], 2), '–', '–')
             for s in data.get('stages', [])]
    return table(('µs', 'p50', 'p99', 'p99.9', 'greatest'), rows)


def pair_table(report, name, title):
    data = report.get(name)
    return table((title, ''), [(k.replace('_', ' '), auto(v)) for k, v in data.items()]) if data else ''


def statistics_table(report):
    rows = [(k.replace('_', ' '), number(v['with_cycles']), number(v['without_cycles']),
             f'{100 * v["overhead"]:.1f} % ({100 * v["min"]:.1f} – {100 * v["max"]:.1f})') for k, v in (report.get('statistics') or {}).items()]
    return table(('statistics, histograms, counters: cycles by the wall clock', 'with', 'without',
                  'overhead'), rows)


def part_table(report):
    rows = []
    for part, entries in (report.get('parts') or {}).items():
        for e in entries:
            if e.get('run_type') == 'aggregate':
                continue
            more = ', '.join(f'{k} {auto(v)}' for k, v in e.items()
                             if isinstance(v, (int, float)) and k not in KNOWN_KEYS)
            rows.append((part, e['name'], f'{e["cpu_time"]:,.1f} {e["time_unit"]}', more))
    return table(('part', 'benchmark', 'CPU time an iteration', 'counters'), rows)


KNOWN_KEYS = {'family_index', 'per_family_instance_index', 'repetitions', 'repetition_index',
              'threads', 'iterations', 'real_time', 'cpu_time'}


def inspection(report):
    data = report.get('dpi')
    if not data:
        return ''
    about = (f'<p>{escape("; ".join(dpi.describe(data)))}.</p>')
    return section(
        'Inspection beside Suricata', about,
        plot('Gbit/s of one core', dpi.plot(report, 'gbps', 2),
             'By capture and number of rules. Both programs inline between two null ports that '
             'replay the captures, flows new in every lap, one worker thread, all events on; by the '
             'CPU time of that thread, the port\'s work included.'),
        plot('Cycles a packet', dpi.plot(report, 'cycles', 0), 'The port\'s own not counted.'),
        plot('Where they go in Sluice', dpi.plot_stages(report), ''),
        table(dpi.HEAD, dpi.table_rows(data)),
        plot('Classification alone, thousand flows a second', dpi.plot_flows(report),
             'No rules, no events. ndpiReader: user time, its start not counted.'))


def conditions_text(report):
    how = report['conditions']
    out = (f'Medians of {how.get("passes", 0)} passes, which follow one another and each measure '
           'everything once; a pass interleaves its own repetitions with those of the floors. '
           'Whiskers and brackets: least and greatest of all repetitions. Frames are made in memory '
           'by a port of the benchmark, their headers in cache; its own cycles are not in the '
           'chain\'s and stand beside them.')
    if how.get('quick'):
        out += ' <strong>A quick run</strong>: short repetitions, one pass.'
    if how.get('quiet') is False:
        out += (' <strong>The machine was not quiet</strong> before every pass: ratios of one run '
                'count, absolute figures are too high.')
    return f'<p>{out}</p>'


def missing(report):
    items = ''.join(f'<li><b>{escape(k)}</b>: {escape(v)}</li>' for k, v in report['missing'].items())
    out = f'<p>Not measured in this run:</p><ul>{items}</ul>' if items else ''
    doubts = ''.join(f'<li>{escape(d)}</li>' for d in report['doubts'])
    return out + (f'<p>Doubtful in this run:</p><ul>{doubts}</ul>' if doubts else '')


def page(report):
    v = report['versions']
    elsewhere = table(('what', 'cycles a packet'), known.OTHERS)
    sections = [
        tiles(report['metrics']),
        section('Goals', goal_table(report)),
        section('Established, decided flows',
                plot('Cycles a packet against flows', figures.cycles_by_flows(report),
                     'Four stages, 64-byte packets, random order, both directions, one core. Dashed: '
                     + known.ELSEWHERE + '; other machines of the same kind, other runs.'),
                plot('Throughput against flows', figures.rate_by_flows(report),
                     'With the cost of the benchmark\'s ports.'),
                plot('Throughput against rules', figures.rate_by_rules(report),
                     '100,000 established flows: a decided flow meets no rule.'),
                plot('Cycles a packet by frame size', figures.by_frame(report, 'cycles'), ''),
                plot('Gbit/s by frame size', figures.by_frame(report, 'rate'),
                     'What one core could carry, preamble and gap included; no wire is in this '
                     'measurement, and bytes beyond the headers are not touched.'),
                chain_table(report)),
        section('Where the cycles go',
                plot('A packet of a decided flow', figures.where_cycles_go(report),
                     'Deciding stages are passed by; forwarding sees every packet.'),
                plot('A packet that a stage does look at', figures.stages_when_they_look(report),
                     'The first packets of a flow; mean TSC cycles, logarithmic.')),
        section('Latency in the box',
                plot('Distribution', figures.latency(report),
                     'At half of the greatest rate, from the burst being received to its being '
                     'handed to transmit.'),
                latency_table(report)),
        section('New flows', plot('Cycles a connection', figures.new_flows(report),
                                  'A whole TCP connection with an HTTP exchange, beside what its '
                                  'parts cost alone.')),
        inspection(report),
        section('Cores', pair_table(report, 'handover', 'a hand-over between two workers'),
                pair_table(report, 'lanes', 'two lanes on two cores'),
                statistics_table(report)),
        section('Containers beside Sluice',
                plot('Round trip, p50 µs', figures.overlay(report, 'rtt_p50_us', 1), ''),
                plot('Round trip, p99 µs', figures.overlay(report, 'rtt_p99_us', 1), ''),
                plot('Thousand packets a second', figures.overlay(report, 'kpps', 0), ''),
                plot('Cycles a packet of the whole machine',
                     figures.overlay(report, 'cycles_per_packet', 0, log=True),
                     'Logarithmic; the time of all CPUs, client, server and kernel included. With veth on '
                     'both sides most of Sluice\'s figure is the kernel\'s: testpmd pays it too.')),
        section('Others', f'<p>{escape(known.ELSEWHERE)}. Not measured in this run.</p>'
                if elsewhere else '', elsewhere),
        section('Parts alone', part_table(report)),
        section('Machine, versions, conditions', conditions_text(report), missing(report),
                facts(report['machine'], v, {'commit': report['commit']}, report['conditions'])),
    ]
    how = report['conditions']
    title = f'Sluice {v["sluice"] or ""}: what it costs'
    machine = report['machine']
    # What a hypervisor calls a CPU says little.
    kind = f' (family {machine["family"]}, model {machine.get("model")})' if machine.get('family') else ''
    speed = f', TSC {report["tsc_hz"] / 1e9:.1f} GHz' if report.get('tsc_hz') else ''
    lead = (f'{machine["cpu"]}{kind}, {machine["cpus"]} CPUs{speed}'
            f'{", virtual machine" if machine["virtual"] else ""}; DPDK {v["dpdk"]}, '
            f'nDPI {v["ndpi"]}, Hyperscan {v["hyperscan"]}; {v["compiler"]}; Linux {v["kernel"]}; '
            f'commit {report["commit"]}; {how.get("began", "")}')
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>'
            f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>'
            + '\n'.join(s for s in sections if s) + '</main></body></html>\n')

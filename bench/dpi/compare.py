#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What inspection costs: Sluice beside Suricata and ndpiReader, one pass.

  compare.py --build DIR --work DIR --capture NAME=FILE... --rules NAME=FILE...
             [--windows N] [--ms N] [--turn N] [--only ENGINE] [--events-only]

Prints one JSON object (bench/README.md says what its keys are). Captures are of prepare.py or
generate.py; NAME of rules is their number, "none=" for none. Engines take turns for every
capture and rule set; --turn says who begins. Two CPUs are needed: the worker has one, all other
threads share the other.
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import struct
import subprocess
import sys

import capture
import engines

PRELOAD = 'bench/dpi/replay_port.so'
STRIDE = 7919           # of clients' addresses from lap to lap, as in replay_source.h
READER_PACKETS = (100_000, 500_000)   # of the files for ndpiReader, about


def say(text):
    print('dpi: ' + text, file=sys.stderr, flush=True)


def windows(told):
    """[{figures}] between the moments that the port has kept."""
    hz, out = told['tsc_hz'], []
    for a, b in zip(told['moments'], told['moments'][1:]):
        d = {k: b[k] - a[k] for k in b}
        if d['packets'] == 0 or d['thread_ns'] == 0:
            raise engines.Failed('a window without packets')
        busy = d['thread_ns'] * hz / 1e9          # TSC cycles in which the worker had its CPU
        own = busy - d['port_cycles']
        out.append({'cycles': own / d['packets'], 'cycles_per_byte': own / d['bytes'],
                    'port_cycles': d['port_cycles'] / d['packets'],
                    'gbps': d['bytes'] * 8 * hz / busy / 1e9,
                    'mpps': d['packets'] * hz / busy / 1e6,
                    'kflows': d['flows'] * hz / busy / 1e3,
                    'others_cycles': (d['process_ns'] - d['thread_ns']) * hz / 1e9 / d['packets'],
                    'forwarded': d['transmitted'] / d['packets'],
                    'starved': d['starved']})
    return out


def row_of(engine, told):
    measured = windows(told)
    last = told['moments'][-1]
    row = {'engine': engine.name, 'events': engine.events}
    for key in measured[0]:
        values = [w[key] for w in measured]
        row[key] = {'value': statistics.median(values), 'min': min(values), 'max': max(values)}
    about = engine.about
    if about.get('alerts') is not None:
        row['alerts_per_1k_flows'] = 1e3 * about['alerts'] / max(1, last['flows'])
    if about.get('stages'):
        # Of all packets, those included that pass the stage by.
        stages = {name: s['packets'] * s['cycles'] / max(1, last['packets'])
                  for name, s in about['stages'].items()}
        row['stages'] = stages
    row.update({k: about[k] for k in ('drops', 'not_read', 'resident_mb') if about.get(k)})
    return row


def measure(engine, options):
    shutil.rmtree(engine.work, ignore_errors=True)
    os.makedirs(engine.work)
    told = engine.run(options.windows, options.ms, options.warm_ms)
    return row_of(engine, told)


def laps(path, count, out):
    """The capture so many times, with new clients in each lap; checksums as they were."""
    frames, clients, where = capture.read(path), {}, []
    for frame in frames:
        p = capture.packet(frame)
        client = clients.setdefault(p.key, p.source)
        v6 = frame[12:14] == b'\x86\xdd'
        source = (14 + 8 + 4) if v6 else 14 + 12
        where.append((source + (0 if p.source == client else 16 if v6 else 4), v6))
    moved = []
    for lap in range(count):
        for frame, (at, v6) in zip(frames, where):
            old = struct.unpack_from('>I', frame, at)[0]
            new = (old + lap * STRIDE) & 0xffffffff
            if not v6:
                new = (old & 0xff000000) | (new & 0xffffff)
            moved.append(frame[:at] + struct.pack('>I', new) + frame[at + 4:])
    capture.write(out, moved)
    return len(clients)


def user_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def reader(name, path, options):
    """Flows a second by ndpiReader: the difference of two runs of one thread, user time."""
    with open(path + '.json', encoding='utf-8') as f:
        lap = json.load(f)['packets']
    counts = [n // lap + 1 for n in READER_PACKETS]
    files = [os.path.join(options.work, f'{name}.{n}.pcap') for n in counts]
    flows = [laps(path, n, f) for n, f in zip(counts, files)][0] * (counts[1] - counts[0])
    values = []
    for _ in range(3):
        short, long = (user_seconds(['taskset', '-c', str(engines.WORKER), 'ndpiReader', '-q', '-i', f])
                       for f in files)
        if long <= short:
            raise engines.Failed('the longer file took no longer')
        values.append(flows / (long - short) / 1e3)
    for f in files:
        os.remove(f)
    return {'engine': 'ndpiReader', 'events': False,
            'kflows': {'value': statistics.median(values), 'min': min(values), 'max': max(values)}}


def pair(text):
    name, _, value = text.partition('=')
    return name, os.path.abspath(value) if value else None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--build', required=True)
    parser.add_argument('--work', required=True)
    parser.add_argument('--capture', type=pair, action='append', required=True)
    parser.add_argument('--rules', type=pair, action='append', required=True)
    parser.add_argument('--windows', type=int, default=5)
    parser.add_argument('--ms', type=int, default=1000)
    parser.add_argument('--warm-ms', type=int, default=2000)
    parser.add_argument('--turn', type=int, default=0)
    parser.add_argument('--only')
    parser.add_argument('--events-only', action='store_true')
    return parser.parse_args()


def main():
    options = arguments()
    work = options.work = os.path.abspath(options.work)
    preload = os.path.abspath(os.path.join(options.build, PRELOAD))
    cache = os.path.join(work, 'cache')
    os.makedirs(cache, exist_ok=True)
    suricata, version = engines.suricata()
    rows, missing = [], {}
    if not suricata:
        missing['suricata'] = version

    def makers(path, rules):
        out = [lambda events, folder: engines.Sluice(options.build, cache, folder, preload, path,
                                                     rules, events)]
        if suricata:
            out.append(lambda events, folder: engines.Suricata(suricata, folder, preload, path, rules,
                                                               events))
        return out[options.turn % len(out):] + out[:options.turn % len(out)]

    for capture_name, path in options.capture:
        for rules_name, rules in options.rules:
            # Without events: what the writing of them costs, and classification alone.
            for events in (True, False) if rules_name in ('none', 'all') else (True,):
                if not events and options.events_only and rules_name != 'none':
                    continue
                for make in makers(path, rules):
                    engine = make(events, os.path.join(work, 'run'))
                    if options.only and engine.name != options.only:
                        continue
                    what = (f'{engine.name}, {capture_name}, rules {rules_name}'
                            f'{"" if events else ", alerts only"}')
                    say(what)
                    try:
                        row = measure(engine, options)
                    except (engines.Failed, OSError, subprocess.SubprocessError) as why:
                        missing[what] = str(why)
                        say(f'failed: {why}')
                        continue
                    rows.append({'capture': capture_name, 'rules': rules_name, **row})
                    say(f'  {row["gbps"]["value"]:.2f} Gbit/s, {row["cycles"]["value"]:.0f} cycles a packet')
        if not options.only and shutil.which('ndpiReader'):
            say(f'ndpiReader, {capture_name}')
            try:
                rows.append({'capture': capture_name, 'rules': 'none',
                             **reader(capture_name, path, options)})
            except (engines.Failed, OSError, subprocess.SubprocessError) as why:
                missing[f'ndpiReader, {capture_name}'] = str(why)
    if not shutil.which('ndpiReader'):
        missing['ndpiReader'] = 'not installed (app/install-deps.sh --bench)'
    about = {}
    for name, path in options.capture:
        with open(path + '.json', encoding='utf-8') as f:
            about[name] = json.load(f)
    sizes = {}
    for name, path in options.rules:
        with open(path or os.devnull, encoding='utf-8', errors='replace') as f:
            sizes[name] = sum(1 for line in f if line.strip() and not line.startswith('#'))
    json.dump({'dpi': {'rows': rows, 'captures': about, 'rule_sets': sizes,
                       'suricata': version if suricata else None, 'missing': missing}}, sys.stdout)


if __name__ == '__main__':
    main()

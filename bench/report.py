#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Tables, report.json and plots from what bench/run.sh has measured.

  bench/report.py FOLDER    reads FOLDER/*.json, writes FOLDER/report.json and FOLDER/*.svg
"""
import json
import os
import platform
import subprocess
import sys

PLACEMENTS = ('run-to-completion', 'pipeline')


def load(folder, name):
    path = os.path.join(folder, name + '.json')
    if not os.path.isfile(path) or os.path.getsize(path) == 0:
        return None
    with open(path) as f:
        return json.load(f)


def machine():
    model = 'unknown'
    with open('/proc/cpuinfo') as f:
        for line in f:
            if line.startswith('model name'):
                model = line.split(':', 1)[1].strip()
                break
    try:
        commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], capture_output=True,
                                text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = 'unknown'
    return {'cpu': model, 'cores': os.cpu_count(), 'kernel': platform.release(), 'commit': commit,
            'load_average': os.getloadavg()[0]}


def flows_text(n):
    return '%gM' % (n / 1e6) if n >= 1_000_000 else '%gk' % (n / 1e3)


def print_chain(rows):
    head = ('placement', 'flows', 'frames', 'cycles/packet', '(min..max)', 'floor', 'chain/floor',
            'Mpps')
    table = [head]
    for r in rows:
        c, f = r['chain'], r['floor']
        table.append((r['placement'], flows_text(r['flows']), r['frames'], '%.0f' % c['cycles'],
                      '%.0f..%.0f' % (c['cycles_min'], c['cycles_max']), '%.0f' % f['cycles'],
                      '%.2f' % r['ratio'], '%.2f' % c['mpps']))
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    for row in table:
        print('  '.join(cell.ljust(w) if i in (0, 2) else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths))))
    print('\nEstablished, decided flows in random order, both directions; cycles of all workers '
          'added.\nFloor: the same frames received, parsed, MAC addresses swapped, sent.')


def plot(folder, rows):
    try:
        import matplotlib
    except ImportError:
        print('no plots: python3-matplotlib is missing (app/install-deps.sh --bench)')
        return
    matplotlib.use('svg')
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7, 4))
    for placement in PLACEMENTS:
        chosen = [r for r in rows if r['placement'] == placement and r['frames'] == '64B']
        if not chosen:
            continue
        x = [r['flows'] for r in chosen]
        ax.plot(x, [r['chain']['cycles'] for r in chosen], 'o-', label=placement)
        if placement == PLACEMENTS[0]:
            ax.plot(x, [r['floor']['cycles'] for r in chosen], 's--', color='grey',
                    label='floor: parse, swap MACs')
    ax.set_xscale('log')
    ax.set_ylim(bottom=0)
    ax.set_xlabel('established flows')
    ax.set_ylabel('TSC cycles a packet')
    ax.set_title('Identity, dpi, firewall, forwarding: 64-byte packets')
    ax.legend()
    ax.grid(alpha=0.3)
    fig.tight_layout()
    fig.savefig(os.path.join(folder, 'chain.svg'))

    staged = [r for r in rows if 'stages' in r]
    fig, ax = plt.subplots(figsize=(7, 4))
    labels = ['%s\n%s' % (r['placement'], flows_text(r['flows'])) for r in staged]
    bottom = [0.0] * len(staged)
    for i in range(len(staged[0]['stages']) if staged else 0):
        share = [r['stages'][i]['cycles_per_packet'] * (1 - r['stages'][i]['settled'])
                 for r in staged]
        ax.bar(labels, share, bottom=bottom, label=staged[0]['stages'][i]['stage'])
        bottom = [b + s for b, s in zip(bottom, share)]
    rest = [max(0.0, r['chain']['cycles'] - b) for r, b in zip(staged, bottom)]
    ax.bar(labels, rest, bottom=bottom, color='lightgrey', label='receive, flow, hand-over, transmit')
    ax.set_ylabel('TSC cycles a packet')
    ax.set_title('Where the cycles go')
    ax.tick_params(axis='x', labelsize=7)
    ax.legend(fontsize=8)
    fig.tight_layout()
    fig.savefig(os.path.join(folder, 'stages.svg'))
    print('plots: %s/chain.svg, %s/stages.svg' % (folder, folder))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    report = {'machine': machine()}
    for part in ('flowtable', 'identity', 'signature', 'firewall', 'forwarding'):
        data = load(folder, part)
        if data:
            report[part] = data['benchmarks']
    chain = load(folder, 'chain')
    if chain:
        report['chain'] = chain['chain']
        print()
        print_chain(chain['chain'])
        plot(folder, chain['chain'])
    path = os.path.join(folder, 'report.json')
    with open(path, 'w') as f:
        json.dump(report, f, indent=2)
    print('report: ' + path)


if __name__ == '__main__':
    main()

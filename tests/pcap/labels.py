#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Holds nDPI's labels in event logs against a table of known ones.

  tests/pcap/labels.py TRUTH.tsv FOLDER [--min PER_CENT] [--list N] [--partial] [--table FILE]

TRUTH has the columns pcap, proto, src, sport, dst, dport, master, app; FOLDER
holds PCAP.json, the EVE log of each capture. A TCP or UDP flow agrees if one of
the flow events of its 5-tuple has both names. Prints the figure, then by
protocol what disagrees; --table has all protocols. Exit code 1 below --min.
"""
import argparse
import collections
import csv
import ipaddress
import json
import os
import sys


def flow_key(proto, *ends):
    """The same for both directions, and for every spelling of an address."""
    def end(address, port):
        ip = ipaddress.ip_address(address)
        return str(getattr(ip, 'ipv4_mapped', None) or ip), int(port)
    return (proto,) + tuple(sorted(end(*e) for e in ends))


def label(master, app):
    return (master or 'Unknown').lower(), (app or 'Unknown').lower()


def read_truth(path):
    truth = collections.defaultdict(lambda: collections.defaultdict(set))
    with open(path, errors='replace', newline='') as f:
        for row in csv.DictReader(f, delimiter='\t', quoting=csv.QUOTE_NONE):
            if row['proto'] in ('TCP', 'UDP'):
                key = flow_key(row['proto'], (row['src'], row['sport']), (row['dst'], row['dport']))
                truth[row['pcap']][key].add(label(row['master'], row['app']))
    return truth


def read_log(path):
    flows = collections.defaultdict(set)
    with open(path) as f:
        for line in f:
            event = json.loads(line)
            if event['event_type'] == 'flow' and event['proto'] in ('TCP', 'UDP'):
                key = flow_key(event['proto'], (event['src_ip'], event['src_port']),
                               (event['dest_ip'], event['dest_port']))
                flows[key].add(label(event['ndpi']['master'], event['ndpi']['app']))
    return flows


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('truth')
    parser.add_argument('folder')
    parser.add_argument('--min', type=float, default=0, help='least agreement in per cent of flows')
    parser.add_argument('--partial', action='store_true', help='leave out captures without a log')
    parser.add_argument('--list', type=int, default=0, help='flows that disagree to name')
    parser.add_argument('--table', help='file for flows that agree, of all, by protocol')
    arguments = parser.parse_args()

    total = collections.Counter()
    by_protocol = collections.defaultdict(collections.Counter)
    means = []
    wrong = []
    for pcap, known in sorted(read_truth(arguments.truth).items()):
        log = os.path.join(arguments.folder, pcap + '.json')
        if arguments.partial and not os.path.exists(log):
            continue
        flows = read_log(log) if os.path.exists(log) else {}
        agreed = 0
        for key, names in known.items():
            expected = '.'.join(dict.fromkeys(min(names)))
            total['flows'] += 1
            by_protocol[expected]['flows'] += 1
            if names & flows.get(key, set()):
                agreed += 1
                continue
            found = '.'.join(dict.fromkeys(min(flows[key]))) if key in flows else '(no such flow)'
            by_protocol[expected][found] += 1
            wrong.append((pcap, key, expected, found))
        total['agreed'] += agreed
        means.append(agreed / len(known))
    if not total['flows']:
        sys.exit('no flows to compare')

    if arguments.table:
        with open(arguments.table, 'w') as f:
            for name, counts in sorted(by_protocol.items()):
                flows = counts['flows']
                agreed = 2 * flows - sum(counts.values())
                f.write('%s %d/%d\n' % (name, agreed, flows))
    share = 100 * total['agreed'] / total['flows']
    print('nDPI labels: %d of %d flows agree (%.2f %%), %.2f %% in the mean over %d captures' %
          (total['agreed'], total['flows'], share, 100 * sum(means) / len(means), len(means)))
    rows = [(sum(c.values()) - c['flows'], name, c) for name, c in by_protocol.items()]
    for bad, name, counts in sorted((r for r in rows if r[0]), key=lambda r: (-r[0], r[1])):
        found = ', '.join('%d %s' % (n, what) for what, n in counts.most_common() if what != 'flows')
        print('  %-28s %5d of %5d flows: %s' % (name, bad, counts['flows'], found))
    for pcap, (proto, (a, a_port), (b, b_port)), expected, found in wrong[:arguments.list]:
        print('  %s %s %s:%d %s:%d: %s, not %s' %
              (pcap, proto, a, a_port, b, b_port, found, expected))
    return 0 if share >= arguments.min else 1


if __name__ == '__main__':
    sys.exit(main())

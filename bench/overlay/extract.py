#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What Sluice, testpmd and iperf3 say of their own work, as one line of JSON.

  extract.py sluice LANE DROPS    files with the answers to show lane, show drops
  extract.py testpmd LOG          its output so far; the last figures count
  extract.py iperf REPORT         of iperf3 -J
"""
import json
import re
import sys


def read(path):
    with open(path) as f:
        return f.read()


def sluice(lane, drops):
    text = read(lane)
    counted = {name: int(re.search(name + r' ([\d,]+)', text).group(1).replace(',', ''))
               for name in ('transmitted', 'dropped')}
    return {'packets': counted['transmitted'], 'dropped': counted['dropped'],
            'busy_share': float(re.search(r'([\d.]+) %', text).group(1)) / 100,
            'drops': read(drops).strip()}


def testpmd(log):
    cycles, packets = re.findall(r'total cycles=(\d+) / total io packets=(\d+)', read(log))[-1]
    return {'packets': int(packets), 'busy_cycles': int(cycles)}


def iperf(report):
    end = json.loads(read(report))['end']
    return {'gbps': round(end['sum_received']['bits_per_second'] / 1e9, 3),
            'retransmits': end['sum_sent']['retransmits']}


WORDS = {'sluice': (sluice, 2), 'testpmd': (testpmd, 1), 'iperf': (iperf, 1)}


def main():
    function, files = WORDS.get(sys.argv[1] if len(sys.argv) > 1 else '', (None, 0))
    if function is None or len(sys.argv) != 2 + files:
        sys.exit(__doc__)
    print(json.dumps(function(*sys.argv[2:])))


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""RFC 2544 throughput of a stateless TRex profile: the highest rate without loss,
by binary search over the line rate. Or, with --rate, one trial with latency.

  ndr.py stl/udp.py -t size=64,flows=1000
  ndr.py stl/latency.py -t size=64 --rate 30

Needs a TRex server in stateless mode (server.sh) and its Python library
(run.sh sets PYTHONPATH). Appends one line to --out (CSV).
"""
import argparse
import math
import os
import sys
import time

from trex_stl_lib.api import STLClient, STLProfile

HEADER = ('profile,tunables,rate_percent,offered_mpps,received_mpps,lost,'
          'p50_us,p99_us,p999_us,max_us,limit')


class Trial:
    """What one trial sent and received, and the latency histograms it had."""

    def __init__(self, seconds, sent, received, queue_full, latency):
        self.seconds, self.sent, self.received = seconds, sent, received
        self.queue_full, self.latency = queue_full, latency

    def lost(self):
        return self.sent - self.received

    def passes(self, loss_percent):
        return self.sent > 0 and self.lost() * 100 <= loss_percent * self.sent


def bucket_end(start):
    """TRex's histogram: 0 to 10 us, then steps of the number's first digit."""
    return 10 if start == 0 else start + 10 ** (len(str(start)) - 1)


def percentile(histogram, share):
    """Upper end of the bucket in which `share` of the packets are reached, or None."""
    total = sum(histogram.values())
    seen = 0
    for start in sorted(histogram, key=int):
        seen += histogram[start]
        if seen >= share * total and total:
            return bucket_end(int(start))
    return None


class Generator:
    """A TRex server with the profile's streams on its two ports."""

    def __init__(self, client, ports, profile, tunables, settle_s):
        self.client, self.ports, self.settle_s = client, ports, settle_s
        client.connect()
        client.reset(ports=ports)
        self.senders = []
        for direction, port in enumerate(ports):
            streams = STLProfile.load_py(profile, direction=direction, port_id=port,
                                         **tunables).get_streams()
            if streams:
                client.add_streams(streams, ports=[port])
                self.senders.append(port)

    def trial(self, rate, seconds):
        client = self.client
        client.clear_stats()
        client.start(ports=self.senders, mult='%.4f%%' % rate, duration=seconds)
        groups = client.get_active_pgids().get('latency', [])
        client.wait_on_traffic(ports=self.senders)
        time.sleep(self.settle_s)
        stats = client.get_stats()
        sent = sum(stats[port]['opackets'] for port in self.senders)
        peers = [self.ports[1 - self.ports.index(port)] for port in self.senders]
        received = sum(stats[port]['ipackets'] for port in peers)
        latency = {}
        if groups:
            found = client.get_pgid_stats(groups)['latency']
            latency = {group: found[group]['latency'] for group in groups if group in found}
        return Trial(seconds, sent, received, stats['global']['queue_full'], latency)


def report(rate, trial, good):
    print('  %6.2f %% for %g s: sent %d, received %d, lost %d%s%s' % (
        rate, trial.seconds, trial.sent, trial.received, trial.lost(),
        ', %d times its own queue was full' % trial.queue_full if trial.queue_full else '',
        '' if good else '  no'), flush=True)


def search(generator, args):
    """(rate, confirming trial), or (0, None) if nothing passes."""
    def attempt(rate, seconds):
        trial = generator.trial(rate, seconds)
        good = trial.passes(args.loss)
        report(rate, trial, good)
        return good, trial

    low, high = 0.0, 100.0
    if attempt(high, args.trial)[0]:
        low = high
    else:
        while high - low > args.precision:
            middle = (low + high) / 2
            if attempt(middle, args.trial)[0]:
                low = middle
            else:
                high = middle
    while low > 0:
        good, trial = attempt(low, args.confirm)
        if good:
            return low, trial
        low = max(0.0, low - 2 * args.precision)
    return 0.0, None


def warm_up(generator, flows):
    """Lets dpi and firewall decide every flow: dpi gives up a UDP flow after 24
    packets at the latest. Returns packets a second at one per cent."""
    first = generator.trial(10, 3)
    pps = max(1.0, first.sent / first.seconds)
    seconds = math.ceil(40 * flows / pps)
    if seconds > 3:
        print('  warming up %d flows for %d s' % (flows, seconds), flush=True)
        generator.trial(10, seconds)
    return pps / 10


def limit_of(rate, trial, pps_of_a_percent):
    if trial is None:
        return 'none'
    if trial.queue_full or trial.sent / trial.seconds < 0.98 * pps_of_a_percent * rate:
        return 'generator'
    return 'line' if rate >= 100 else 'sluice'


def result_line(profile, tunables, rate, trial, limit):
    if trial is None:
        return '%s,%s,0,0,0,0,,,,,%s' % (profile, tunables, limit)
    merged, worst = {}, None
    for group in trial.latency.values():
        for start, count in group['histogram'].items():
            merged[start] = merged.get(start, 0) + count
        worst = max(worst or 0, group['total_max'])
    figures = [percentile(merged, share) for share in (0.5, 0.99, 0.999)]
    # A bucket ends beyond what was seen.
    figures = [end if end is None else min(end, worst) for end in figures] + [worst]
    return '%s,%s,%.2f,%.3f,%.3f,%d,%s,%s' % (
        profile, tunables, rate, trial.sent / trial.seconds / 1e6,
        trial.received / trial.seconds / 1e6, trial.lost(),
        ','.join('' if figure is None else '%g' % figure for figure in figures), limit)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('profile')
    parser.add_argument('-t', '--tunables', default='', help='size=64,flows=1000')
    parser.add_argument('--server', default='127.0.0.1')
    parser.add_argument('--ports', default='0,1', help='client side, server side')
    parser.add_argument('--rate', type=float, help='one trial at so many per cent, no search')
    parser.add_argument('--trial', type=float, default=10, help='seconds')
    parser.add_argument('--confirm', type=float, default=60, help='seconds (RFC 2544: 60)')
    parser.add_argument('--precision', type=float, default=0.2, help='per cent of the line rate')
    parser.add_argument('--loss', type=float, default=0, help='per cent of packets')
    parser.add_argument('--settle', type=float, default=2, help='seconds before counting')
    parser.add_argument('--out', default='trex-results.csv')
    return parser.parse_args(arguments)


def main(arguments=None):
    args = parse(arguments)
    tunables = dict(pair.split('=', 1) for pair in args.tunables.split(',') if pair)
    client = STLClient(server=args.server)
    try:
        generator = Generator(client, [int(port) for port in args.ports.split(',')],
                              args.profile, tunables, args.settle)
        one_percent = warm_up(generator, int(tunables.get('flows', 1)))
        if args.rate is None:
            rate, trial = search(generator, args)
        else:
            rate, trial = args.rate, generator.trial(args.rate, args.confirm)
            report(rate, trial, trial.passes(args.loss))
    finally:
        client.disconnect()
    name = os.path.splitext(os.path.basename(args.profile))[0]
    line = result_line(name, args.tunables.replace(',', ' '), rate, trial,
                       limit_of(rate, trial, one_percent))
    fresh = not os.path.exists(args.out)
    with open(args.out, 'a') as out:
        out.write((HEADER + '\n' if fresh else '') + line + '\n')
    print(HEADER + '\n' + line)
    return 0


if __name__ == '__main__':
    sys.exit(main())

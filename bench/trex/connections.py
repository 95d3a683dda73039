#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Runs a stateful (ASTF) TRex profile at one multiplier, or searches for the highest
at which no connection fails.

  connections.py astf/emix.py --mult 10 --duration 60
  connections.py astf/new_flows.py -t kind=http --search 1000,2000000

Needs a TRex server in ASTF mode (server.sh --astf) and its Python library (run.sh
sets PYTHONPATH). Appends one line to --out (CSV).
"""
import argparse
import os
import sys
import time

from trex.astf.api import ASTFClient

HEADER = ('profile,tunables,mult,seconds,tcp_opened,udp_opened,failed,retransmits,'
          'connections_per_s,mpps,gbps_l2,good')

# Counters of connections that did not come to their end, client side and server side.
FAILED = ('tcps_conndrops', 'tcps_drops', 'tcps_timeoutdrop', 'tcps_keepdrops', 'udps_keepdrops',
          'err_flow_overflow')
RETRANSMITS = ('tcps_sndrexmitpack', 'tcps_rexmttimeo')


class Run:
    def __init__(self, mult, seconds, stats):
        self.mult, self.seconds = mult, seconds
        client, server = stats['traffic']['client'], stats['traffic']['server']

        def both(names):
            return sum(side.get(name, 0) for name in names for side in (client, server))

        self.tcp = client.get('tcps_connects', 0)
        self.udp = client.get('udps_connects', 0)
        self.attempts = client.get('tcps_connattempt', 0) + self.udp
        self.failed, self.retransmits = both(FAILED), both(RETRANSMITS)
        total = stats['total']
        self.mpps = total['ipackets'] / seconds / 1e6
        self.gbps = total['ibytes'] * 8 / seconds / 1e9
        self.lost = total['opackets'] - total['ipackets']

    def good(self, loss_percent, expected):
        """Nothing failed, hardly a packet sent twice, and TRex opened what it was told to."""
        bad = self.failed + self.retransmits
        return (self.attempts > 0 and bad * 100 <= loss_percent * self.attempts and
                (expected is None or self.attempts >= 0.97 * expected * self.seconds))

    def line(self, profile, tunables, good):
        return '%s,%s,%g,%g,%d,%d,%d,%d,%.0f,%.3f,%.3f,%s' % (
            profile, tunables, self.mult, self.seconds, self.tcp, self.udp, self.failed,
            self.retransmits, (self.tcp + self.udp) / self.seconds, self.mpps, self.gbps,
            'yes' if good else 'no')


def run(client, args, mult, seconds):
    client.clear_stats()
    mult = int(mult) if mult == int(mult) else mult
    # TRex's own latency probes; the console shows what they find.
    client.start(mult=mult, duration=-1, latency_pps=args.latency)
    time.sleep(seconds)
    stats = client.get_stats()          # while it runs: stop() cuts connections off
    client.stop()
    return Run(mult, seconds, stats)


def search(client, args, low, high):
    """Highest multiplier, in [low, high], that is good; to 2 %. Each new flow of
    new_flows.py is one multiplier, which tells whether TRex itself kept up."""
    best = None
    while high > low * 1.02:
        middle = round((low * high) ** 0.5)
        trial = run(client, args, middle, args.duration)
        good = trial.good(args.loss, middle if args.cps_is_mult else None)
        print('  mult %d: %d failed, %d retransmits, %.0f connections/s  %s' % (
            middle, trial.failed, trial.retransmits, (trial.tcp + trial.udp) / trial.seconds,
            'good' if good else 'no'), flush=True)
        if good:
            low, best = middle, trial
        else:
            high = middle
        time.sleep(args.pause)
    return best


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('profile')
    parser.add_argument('-t', '--tunables', default='', help='kind=http')
    parser.add_argument('--server', default='127.0.0.1')
    parser.add_argument('--mult', type=float, default=1)
    parser.add_argument('--search', help='LOW,HIGH multiplier')
    parser.add_argument('--duration', type=float, default=30, help='seconds')
    parser.add_argument('--pause', type=float, default=10, help='seconds between runs')
    parser.add_argument('--loss', type=float, default=0.0, help='per cent of connections')
    parser.add_argument('--latency', type=int, default=0, help="TRex's probes a second")
    parser.add_argument('--out', default='trex-connections.csv')
    args = parser.parse_args(arguments)
    args.cps_is_mult = os.path.basename(args.profile) == 'new_flows.py'
    return args


def main(arguments=None):
    args = parse(arguments)
    tunables = dict(pair.split('=', 1) for pair in args.tunables.split(',') if pair)
    client = ASTFClient(server=args.server)
    client.connect()
    try:
        client.reset()
        client.load_profile(args.profile, tunables=tunables)
        if args.search:
            low, high = (float(word) for word in args.search.split(','))
            result = search(client, args, low, high)
        else:
            result = run(client, args, args.mult, args.duration)
    finally:
        client.disconnect()
    if result is None:
        print('no multiplier in %s is good' % args.search)
        return 1
    expected = result.mult if args.cps_is_mult else None
    name = os.path.splitext(os.path.basename(args.profile))[0]
    line = result.line(name, args.tunables.replace(',', ' '), result.good(args.loss, expected))
    fresh = not os.path.exists(args.out)
    with open(args.out, 'a') as out:
        out.write((HEADER + '\n' if fresh else '') + line + '\n')
    print(HEADER + '\n' + line)
    return 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Takes the captures of one case through `sluice replay` and compares.

  tests/pcap/run_case.py SLUICE FOLDER

FOLDER has README, chain.toml, in.pcap and expect.json: {"runs": [...]}, a run
being {"name": ..., and any of
  "in", "config"   instead of in.pcap and chain.toml; relative to FOLDER
  "args"           more arguments of replay
  "exit", "error"  exit code, if not 0; words that standard error must have
  "packets"        fields of the summary's `packets`
  "drops"          {reason: packets}, all of them
  "alerts"         {signature id: how many}, all of them
  "flow_count"     number of flow events
  "flows"          flow events: for each one here there is one that has all its fields
  "events"         the same for events of any type
  "out"            the frames of the capture that leave unchanged, in order
  "made"           the other frames that leave, described, sorted
}. Every run must account for each of its packets.
"""
import collections
import ipaddress
import json
import os
import struct
import subprocess
import sys
import tempfile

from frames import read_capture


def checksum_is_right(source, destination, proto, segment):
    pseudo = b'' if proto == 1 else source + destination + struct.pack('>II', len(segment), proto)
    data = pseudo + segment + b'\0' * (len(segment) % 2)
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    return total != 0 and total % 0xffff == 0


def describe(frame):
    """192.0.2.1:80 > 10.0.0.1:40000 RST ACK seq 0 ack 1001"""
    at = 12
    while frame[at:at + 2] in (b'\x81\x00', b'\x88\xa8'):
        at += 4
    at += 2
    if frame[at] >> 4 == 4:
        header, proto = (frame[at] & 15) * 4, frame[at + 9]
        source, destination = frame[at + 12:at + 16], frame[at + 16:at + 20]
        end = at + struct.unpack_from('>H', frame, at + 2)[0]
    else:
        header, proto = 40, frame[at + 6]
        source, destination = frame[at + 8:at + 24], frame[at + 24:at + 40]
        end = at + 40 + struct.unpack_from('>H', frame, at + 4)[0]
    segment = frame[at + header:end]
    wrong = '' if checksum_is_right(source, destination, proto, segment) else ' bad checksum'
    ends = [str(ipaddress.ip_address(a)) for a in (source, destination)]
    if proto in (1, 58):
        return '%s > %s unreachable %d/%d%s' % (*ends, segment[0], segment[1], wrong)
    if proto != 6:
        return '%s > %s protocol %d%s' % (*ends, proto, wrong)
    sport, dport, seq, ack = struct.unpack_from('>HHII', segment)
    ends = ['[%s]' % e if ':' in e else e for e in ends]
    flags = ' '.join(n for bit, n in ((2, 'SYN'), (1, 'FIN'), (4, 'RST'), (16, 'ACK'))
                     if segment[13] & bit)
    return '%s:%d > %s:%d %s seq %d ack %d%s' % (ends[0], sport, ends[1], dport, flags, seq, ack,
                                                 wrong)


def has(found, wanted):
    """Whether `found` has all fields of `wanted`, at every depth."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(k in found and has(found[k], v)
                                               for k, v in wanted.items())
    return found == wanted


def missing(wanted, events):
    """Those of `wanted` that no event of their own has."""
    left, out = list(events), []
    for want in wanted:
        match = next((e for e in left if has(e, want)), None)
        if match is None:
            out.append(want)
        else:
            left.remove(match)
    return out


class Case:
    def __init__(self, sluice, folder):
        self.sluice, self.folder = sluice, folder
        self.problems = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def compare(self, what, found, wanted):
        if found != wanted:
            self.problems.append('%s: found %s, expected %s' %
                                 (what, json.dumps(found, sort_keys=True),
                                  json.dumps(wanted, sort_keys=True)))

    def run(self, run, scratch):
        capture = self.path(run.get('in', 'in.pcap'))
        eve, out = os.path.join(scratch, 'eve.json'), os.path.join(scratch, 'out.pcap')
        done = subprocess.run(
            [self.sluice, 'replay', '-c', self.path(run.get('config', 'chain.toml')), '--in',
             capture, '--eve', eve, '--out', out, '--json', *run.get('args', [])],
            env={**os.environ, 'XDG_CACHE_HOME': scratch},  # compiled rules
            capture_output=True, text=True, timeout=120, check=False)
        self.compare('exit code', done.returncode, run.get('exit', 0))
        if run.get('error', '') not in done.stderr:
            self.problems.append('standard error has no "%s"' % run['error'])
        if self.problems:
            self.problems.append('standard error: ' + done.stderr.strip()[:2000])
        if done.returncode != 0:
            return
        summary = json.loads(done.stdout)
        with open(eve) as f:
            events = [json.loads(line) for line in f]
        flows = [e for e in events if e['event_type'] == 'flow']

        self.compare('conserved', summary['packets']['conserved'], True)
        packets = run.get('packets', {})
        self.compare('packets', {k: summary['packets'].get(k) for k in packets}, packets)
        if 'drops' in run:
            self.compare('drops', {d['reason']: d['packets'] for d in summary['drops']},
                         run['drops'])
        if 'alerts' in run:
            fired = collections.Counter(str(e['alert']['signature_id']) for e in events
                                        if e['event_type'] == 'alert')
            self.compare('alerts', dict(fired), run['alerts'])
        if 'flow_count' in run:
            self.compare('flow_count', len(flows), run['flow_count'])
        for name, among in (('flows', flows), ('events', events)):
            for want in missing(run.get(name, []), among):
                self.problems.append('%s: none is %s' % (name, json.dumps(want)))
        if 'out' in run:
            frames = read_capture(capture)
            left = read_capture(out)
            self.compare('out', [frames.index(f) for f in left if f in frames], run['out'])
            made = sorted(describe(f) for f in left if f not in frames)
            self.compare('made', made, run.get('made', []))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sluice, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    with open(os.path.join(folder, 'expect.json')) as f:
        runs = json.load(f)['runs']
    failed = False
    for run in runs:
        case = Case(sluice, folder)
        with tempfile.TemporaryDirectory(prefix='sluice-case-') as scratch:
            case.run(run, scratch)
        print('%s %s' % ('FAIL' if case.problems else 'PASS', run['name']))
        for problem in case.problems:
            print('  ' + problem)
        failed = failed or bool(case.problems)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Ways to get a word past the rules, each a connection of one capture, through `sluice replay`.

  tests/pcap/evasion/run.py SLUICE [--only WORDS] [--keep FOLDER] [--set KEY=VALUE]...

Two runs, one with rules that drop and one with rules that alert, and with strict
and loose TCP windows. What left is read by every receiver of receivers.py:

  drop   none of them reads what is forbidden
  alert  ALERT: exactly the case's rule has fired. EITHER: no other has, and it has
         if what left lets any receiver read it. SILENT: none has, and the frames of a
         case that contradicts itself nowhere have all left

Beforehand the cases are judged as if everything passed and nothing fired: all but
the silent ones must fail then, or they would prove nothing. --only takes cases
whose names have these words; --keep writes capture, rules, events and what left.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import cases_copies  # noqa: E402
import cases_ends  # noqa: E402
import cases_fragments  # noqa: E402
import cases_http  # noqa: E402
import cases_segments  # noqa: E402
import cases_silent  # noqa: E402
from case import ALERT, EITHER, SILENT  # noqa: E402
from conversation import Conversation  # noqa: E402
from forbidden import RULES, text  # noqa: E402
from frames import FAMILIES, packed, read_capture, write_capture  # noqa: E402
from receivers import datagram_readings, readings, split_frame  # noqa: E402

KINDS = (cases_segments, cases_copies, cases_ends, cases_fragments, cases_http, cases_silent)
CLIENTS = {packed(client): family for family, (client, _) in enumerate(FAMILIES)}


class Attempt:
    """A case in one of the families, and what came of it in a run."""

    def __init__(self, case, index, family):
        self.case, self.family, self.rule = case, family, RULES[case.rule]
        conversation = Conversation(index, family, self.rule.port)
        case.build(conversation)
        self.frames = conversation.frames
        self.left, self.fired = [], set()
        self.known = {}

    def name(self):
        return 'IPv%d rule %d, %s' % (6 if self.family else 4, self.case.rule, self.case.name)

    def read(self, frames, strict):
        """Whether a receiver of these frames reads what is forbidden."""
        key = (tuple(frames), strict)
        if key not in self.known:
            if self.rule.proto == 'udp':
                seen = datagram_readings(frames, self.rule.side, self.rule.port)
            else:
                seen = readings(frames, self.rule.side, self.rule.port, strict)
            self.known[key] = any(self.rule.reads(stream) for stream in seen)
        return self.known[key]

    def unfit(self):
        """Why the case would prove nothing, if so."""
        if self.case.expect == SILENT:
            return 'a receiver reads it' if self.read(self.frames, True) else None
        return None if self.read(self.frames, self.case.expect == ALERT) else 'no receiver reads it'

    def escaped(self):
        return 'what left can be read' if self.read(self.left, False) else None

    def untold(self, loose=False):
        """What is wrong with the alerts, where no rule drops."""
        if loose and not self.case.loose:
            return None
        right = {self.case.rule}
        if not self.fired <= right:
            return 'rules that must not fire: %s' % sorted(self.fired - right)
        if self.case.expect == SILENT and self.fired:
            return 'an alert'
        if self.case.whole and collections.Counter(self.left) != collections.Counter(self.frames):
            return '%d of %d frames left' % (len(self.left), len(self.frames))
        if not self.fired and (self.case.expect == ALERT or
                               self.case.expect == EITHER and self.read(self.left, False)):
            return 'no alert'
        return None


def index_of(frame):
    """Number and family of the case that a frame is of."""
    source, destination, _, payload, part = split_frame(frame)
    of_client = source in CLIENTS
    family = CLIENTS[source if of_client else destination]
    if part is not None:
        return part[0] // 8, family
    at = 0 if of_client else 2
    return (int.from_bytes(payload[at:at + 2], 'big') - 1024) // 2, family


class Suite:
    def __init__(self, only):
        self.attempts = {}
        index = 0
        for kind in KINDS:
            for case in kind.cases():
                if only and only not in case.name:
                    continue
                for family in range(len(FAMILIES)):
                    self.attempts[index, family] = Attempt(case, index, family)
                index += 1
        self.frames = [f for a in self.attempts.values() for f in a.frames]

    def problems(self, what):
        found = [(a, what(a)) for a in self.attempts.values()]
        return [(a, problem) for a, problem in found if problem]

    def take(self, frames, events):
        for a in self.attempts.values():
            a.left, a.fired = [], set()
        for frame in frames:
            self.attempts[index_of(frame)].left.append(frame)
        for event in events:
            if event['event_type'] != 'alert':
                continue
            client = event['src_ip'] if packed(event['src_ip']) in CLIENTS else event['dest_ip']
            port = event['src_port'] if client == event['src_ip'] else event['dest_port']
            attempt = self.attempts[(port - 1024) // 2, CLIENTS[packed(client)]]
            attempt.fired.add(event['alert']['signature_id'])

    def run(self, sluice, folder, name, settings):
        def path(what):
            return os.path.join(folder, what)
        out, eve = path(name + '.pcap'), path(name + '.json')
        arguments = [a for s in settings for a in ('--set', s)]
        done = subprocess.run(
            [sluice, 'replay', '-c', os.path.join(HERE, 'chain.toml'), '--in', path('in.pcap'),
             '--rules', path('rules'), '--out', out, '--eve', eve, '--json', *arguments],
            env={**os.environ, 'XDG_CACHE_HOME': folder}, capture_output=True, text=True, timeout=120,
            check=False)
        if done.returncode != 0:
            sys.exit('replay ended with %d: %s' % (done.returncode, done.stderr))
        summary = json.loads(done.stdout)
        if not summary['packets']['conserved'] or summary['packets']['received'] != len(self.frames):
            sys.exit('not every frame is accounted for: %s' % summary['packets'])
        with open(eve) as f:
            self.take(read_capture(out), [json.loads(line) for line in f])


def tell(title, problems, total):
    print('%s %s: %d of %d' % ('FAIL' if problems else 'PASS', title, total - len(problems), total))
    for attempt, problem in problems[:40]:
        print('  %s: %s' % (attempt.name(), problem))
    return bool(problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sluice')
    parser.add_argument('--only')
    parser.add_argument('--keep')
    parser.add_argument('--set', action='append', default=[])
    arguments = parser.parse_args()
    sluice = os.path.abspath(arguments.sluice)
    suite = Suite(arguments.only)
    total = len(suite.attempts)
    counts = collections.Counter(a.case.expect for a in suite.attempts.values())
    print('%d conversations, %d frames: %s' % (total, len(suite.frames), dict(counts)))

    failed = tell('cases fit to prove something', suite.problems(Attempt.unfit), total)
    suite.take(suite.frames, [])
    caught = {a.name() for a, _ in suite.problems(Attempt.escaped)}
    caught &= {a.name() for a, _ in suite.problems(Attempt.untold)}
    failed |= tell('escapes and silence would be noticed',
                   suite.problems(lambda a: None if a.case.expect == SILENT or a.name() in caught
                                  else 'would not be noticed'), total)

    with tempfile.TemporaryDirectory(prefix='sluice-evasion-') as scratch:
        folder = arguments.keep or scratch
        os.makedirs(folder, exist_ok=True)
        write_capture(os.path.join(folder, 'in.pcap'), suite.frames, apart_us=100)
        with open(os.path.join(folder, 'rules'), 'w') as f:
            f.write(text())
        drop = 'stage.dpi.rules.drop=["1-99"]'
        for window in ('strict', 'loose'):
            settings = ['flowtable.tcp_window="%s"' % window, *arguments.set]
            suite.run(sluice, folder, window + '-drop', [drop, *settings])
            failed |= tell('drop, %s windows' % window, suite.problems(Attempt.escaped), total)
            suite.run(sluice, folder, window + '-alert', settings)
            failed |= tell('alert, %s windows' % window,
                           suite.problems(lambda a, loose=window == 'loose': a.untold(loose)), total)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Makes of many captures one that bench/dpi/replay_port.cc can replay without end.

  prepare.py corpus DIR KIND OUT   the captures of a corpus that are mostly HTTP and TLS
                                   (KIND web), or mostly HTTP (http)
  prepare.py files OUT CAPTURE...  these captures

Writes OUT (pcap) and OUT.json, what is in it. Taken are TCP connections from their SYN on
and UDP; not taken: connections picked up in their middle, fragments, frames that were cut
off, everything else. Joined segments are split, checksums made right, and a connection
that is still open at its capture's end is reset, so that each lap leaves nothing behind.
The captures run side by side: each from the lap's beginning to its end.
"""
import csv
import json
import os
import re
import sys

import capture

LEAST_BYTES = 20000   # of a capture
LEAST_SHARE = 0.7     # of its bytes are of the protocols
# What nDPI calls them, and TRex's templates of the same kind.
HTTP = ('avl__delay_10_http_get_0', 'avl__delay_10_http_post_0', 'avl__delay_10_http_browsing_0')
KINDS = {'web': (('HTTP', 'TLS', 'HTTP_Proxy', 'HTTP_Connect'), HTTP + ('avl__delay_10_https_0',)),
         'http': (('HTTP', 'HTTP_Proxy'), HTTP)}
REQUEST = re.compile(rb'(?:GET|POST|HEAD|PUT|OPTIONS|CONNECT|PROPFIND|DELETE) ')


def of_corpus(folder, kind):
    """Paths of the captures whose flows, by nDPI's word, are mostly of that kind."""
    protocols, templates = KINDS[kind]
    sizes = {}
    with open(os.path.join(folder, 'pcaps/ndpi/truth.tsv'), encoding='utf-8') as f:
        for row in csv.DictReader(f, delimiter='\t'):
            size = sizes.setdefault(row['pcap'], [0, 0])
            count = int(row['bytes_fwd']) + int(row['bytes_rev'])
            size[0] += count
            size[1] += count * (row['master'] in protocols)
    names = sorted(name for name, (all_, of_kind) in sizes.items()
                   if all_ >= LEAST_BYTES and of_kind >= LEAST_SHARE * all_)
    return ([os.path.join(folder, 'pcaps/ndpi/pcaps', name) for name in names] +
            [os.path.join(folder, 'pcaps/trex/pcaps', name + '.pcap') for name in templates])


class Connection:
    """What has to be known of one to end it."""

    def __init__(self, first):
        self.client = first.source
        self.next = {first.source: None, first.target: None}   # sequence numbers
        self.sample = first
        self.closed = set()
        self.kind = None

    def see(self, p):
        if p.source == self.client:
            self.sample = p
        end = p.seq + len(p.payload) + bool(p.flags & capture.SYN) + bool(p.flags & capture.FIN)
        known = self.next[p.source]
        if known is None or 0 < (end - known) & 0xffffffff < 0x80000000:
            self.next[p.source] = end & 0xffffffff
        if p.flags & capture.FIN:
            self.closed.add(p.source)
        if p.flags & capture.RST:
            self.closed.update(self.next)

    def is_open(self):
        return len(self.closed) < 2

    def reset(self):
        other = self.sample.target
        return capture.reset(self.sample, self.next[self.client] or 0, self.next[other] or 0)


def kind_of(payload):
    if payload[:2] == b'\x16\x03':
        return 'tls'
    return 'http' if REQUEST.match(payload) else None


def connections(frames):
    """The frames of one capture as they are replayed."""
    out, open_ = [], {}
    for raw in frames:
        p = capture.packet(raw)
        if p is None or p.source[0] == p.target[0]:
            continue
        pieces = capture.split(p)
        if pieces is None:
            continue
        if p.protocol == capture.TCP:
            opening = p.flags & (capture.SYN | capture.ACK | capture.RST) == capture.SYN
            if opening and p.key not in open_:
                open_[p.key] = Connection(p)
            if p.key not in open_:
                continue
            open_[p.key].see(p)
        out += [piece.frame() for piece in pieces]
    for connection in open_.values():
        if connection.is_open():
            out.append(connection.reset().frame())
    return out


def together(lists):
    """Frames of all, each list from the beginning to the end of the lap."""
    placed = [((i + 0.5) / len(frames), n, frame) for n, frames in enumerate(lists)
              for i, frame in enumerate(frames)]
    return [frame for _, _, frame in sorted(placed, key=lambda entry: entry[:2])]


def write(path, frames, sources, left_out=None):
    """The capture, and beside it what is in it."""
    kinds, sizes = {}, {}
    for frame in frames:
        p = capture.packet(frame)
        sizes[p.key] = sizes.get(p.key, 0) + len(frame)
        if p.payload and kinds.get(p.key) is None:
            kinds[p.key] = kind_of(p.payload)
    by_kind = {'http': 0, 'tls': 0, 'other': 0}
    for key, size in sizes.items():
        by_kind[kinds.get(key) or 'other'] += size
    total = sum(by_kind.values())
    about = {'sources': sources, 'left_out': left_out or {}, 'packets': len(frames), 'bytes': total,
             'flows': len(sizes), 'mean_frame': round(total / len(frames), 1),
             'bytes_share': {k: round(v / total, 3) for k, v in by_kind.items()}}
    capture.write(path, frames)
    with open(path + '.json', 'w', encoding='utf-8') as f:
        json.dump(about, f)
    print(f'{path}: {json.dumps(about)}')


def main():
    if len(sys.argv) == 5 and sys.argv[1] == 'corpus' and sys.argv[3] in KINDS:
        paths, out = of_corpus(sys.argv[2], sys.argv[3]), sys.argv[4]
    elif len(sys.argv) > 3 and sys.argv[1] == 'files':
        paths, out = sys.argv[3:], sys.argv[2]
    else:
        sys.exit(__doc__)
    lists, left_out = [], {}
    for path in paths:
        try:
            frames = connections(capture.read(path))
        except (OSError, capture.NotReadable) as why:
            left_out[os.path.basename(path)] = str(why)
            continue
        if frames:
            lists.append(frames)
    if not lists:
        sys.exit('prepare: nothing to replay in these captures')
    write(out, together(lists), len(lists), left_out)


if __name__ == '__main__':
    main()

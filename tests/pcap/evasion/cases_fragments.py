# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Datagrams in fragments: orders, overlaps, what never comes."""
import itertools

from case import ALERT, BAD, CLEAN, EITHER, SILENT, Case, evenly, script
from conversation import CLIENT

TEXT = b'........' + BAD + b'.........'  # 8 of UDP's header before: 47 bytes
OTHER = b'........' + CLEAN + b'.........'


def udp(steps):
    """(text, start, end[, ident]): bytes of the datagram that has this text."""
    def build(c):
        for text, start, end, *ident in steps:
            data = c.udp(CLIENT, text)
            c.udp_fragment(CLIENT, data, start, min(end, len(data)), ident=ident[0] if ident else 0)
    return build


def pieces(size, count):
    edges = [s // 8 * 8 for s, _ in evenly(size, count)] + [size]
    return list(zip(edges, edges[1:]))


def orders():
    size = len(TEXT) + 8
    for count in (2, 3, 4, 5):
        parts = pieces(size, count)
        for order in itertools.permutations(parts):
            yield Case('fragments %s' % (order,), 21, ALERT, udp([(TEXT, *p) for p in order]))
    yield Case('fragments of 8', 21, ALERT,
               udp([(TEXT, s, s + 8) for s in range(0, size, 8)]))
    yield Case('fragments of 8, from behind', 21, ALERT,
               udp([(TEXT, s, s + 8) for s in reversed(range(0, size, 8))]))
    yield Case('the last never comes', 21, SILENT, udp([(TEXT, 0, 24), (TEXT, 24, 40)]), False)
    yield Case('the first never comes', 21, SILENT, udp([(TEXT, 8, 24), (TEXT, 24, size)]), False)
    yield Case('halves of two datagrams', 21, SILENT,
               udp([(TEXT, 0, 24), (TEXT, 24, size, 1)]), False)
    yield Case('two datagrams in turns', 21, ALERT,
               udp([(TEXT, 0, 24), (OTHER, 0, 24, 1), (OTHER, 24, size, 1), (TEXT, 24, size)]))
    yield Case('harmless, in turns', 21, SILENT,
               udp([(OTHER, 0, 24), (OTHER, 0, 24, 1), (OTHER, 24, size, 1), (OTHER, 24, size)]))


def overlaps():
    size = len(TEXT) + 8
    for order in itertools.permutations(((0, 32), (16, size), (16, 32))):
        yield Case('the same twice %s' % (order,), 21, EITHER, udp([(TEXT, *p) for p in order]), False)
    for first, second, name in ((TEXT, OTHER, 'bad'), (OTHER, TEXT, 'clean')):
        for start, end in ((16, 40), (16, 24), (24, 32), (24, 40), (8, 40)):
            steps = [(TEXT, 0, 16), (first, start, end), (second, start, end), (TEXT, 16, start),
                     (TEXT, end, size)]
            for tail_first in (False, True):
                kept = [s for s in steps if s[1] < s[2]]
                yield Case('%s %d..%d first%s' % (name, start, end, ', the end before' * tail_first),
                           21, EITHER, udp(kept[::-1] if tail_first else kept), False)

    # The whole goes by, then a part of it says something else.
    yield Case('complete, then another middle', 21, ALERT,
               udp([(TEXT, 0, 24), (TEXT, 24, size), (OTHER, 16, 40)]), False)

    def longer(c):
        data = c.udp(CLIENT, TEXT)
        c.udp_fragment(CLIENT, data, 16, 32, last=True)
        c.udp_fragment(CLIENT, data, 32, size)
        c.udp_fragment(CLIENT, data, 0, 16)
    yield Case('two ends', 21, EITHER, longer, False)


def tcp():
    """Segments in fragments; no fragment has both ports and the word."""
    def whole(order, text=BAD):
        def build(c):
            c.open()
            data = c.segment(CLIENT, 0, text)
            for start, end in order:
                c.fragment(CLIENT, data, start, end)
            c.acknowledge(CLIENT, len(text))
        return build
    size = 20 + len(BAD)
    for order in itertools.permutations(((0, 16), (16, 32), (32, size))):
        yield Case('segment in fragments %s' % (order,), 1, ALERT, whole(order))
    yield Case('flags in the second fragment', 1, ALERT, whole(((0, 8), (8, size))))

    def halves(c):
        c.open()
        second = c.segment(CLIENT, 12, BAD[12:])
        c.fragment(CLIENT, second, 16, len(second))
        c.client(0, BAD[:12])
        c.fragment(CLIENT, second, 0, 16)
        c.acknowledge(CLIENT, len(BAD))
    yield Case('a half in fragments around the other', 1, ALERT, halves)

    def other(first, second, name):
        def build(c):
            c.open()
            a, b = c.segment(CLIENT, 0, first), c.segment(CLIENT, 0, second)
            c.fragment(CLIENT, a, 0, 24)
            c.fragment(CLIENT, a, 24, len(a))
            c.fragment(CLIENT, b, 24, len(b), ident=1)
            c.fragment(CLIENT, b, 0, 24, ident=1)
        return Case(name, 1, ALERT if first is BAD else EITHER, build, False)
    yield other(BAD, CLEAN, 'bad, then clean, both in fragments')
    yield other(CLEAN, BAD, 'clean, then bad, both in fragments')
    yield Case('whole after all', 1, ALERT, script((0, BAD)))


def cases():
    yield from orders()
    yield from overlaps()
    yield from tcp()

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The same bytes twice, and other bytes in their place."""
import itertools
import random

from case import ALERT, BAD, CLEAN, EITHER, SILENT, Case, script, sending
from conversation import CLIENT, SERVER

MIDDLE = (8, 17)  # where the two differ
SIZE = len(BAD)


def same():
    draw = random.Random(2)
    for a in range(1, SIZE):
        for b in {0, a // 2, a - 1}:
            yield Case('0..%d, then %d.. again' % (a, b), 1, ALERT, script((0, BAD[:a]), (b, BAD[b:])))
            yield Case('%d.., then 0..%d' % (b, a), 1, ALERT, script((b, BAD[b:]), (0, BAD[:a])))
    for i in range(40):
        parts = [(s, min(SIZE, s + draw.randrange(1, 9)))
                 for s in draw.choices(range(SIZE), k=12)] + [(0, 6), (5, 12), (12, 19), (16, SIZE)]
        draw.shuffle(parts)
        yield Case('random parts that overlap %d' % i, 1, ALERT,
                   sending(CLIENT, BAD, parts, acknowledged=i % 2 == 1))
    yield Case('sent twice', 1, ALERT, script((0, BAD), (0, BAD), SIZE, (0, BAD)))
    yield Case('harmless, sent twice', 1, SILENT, script((0, CLEAN), (0, CLEAN), SIZE, (0, CLEAN)))
    yield Case('keep-alives', 1, ALERT,
               script((0, BAD[:12]), 12, (11, b'\0'), (11, b''), 12, (12, BAD[12:])))
    yield Case('keep-alives, harmless', 1, SILENT,
               script((0, CLEAN[:12]), 12, (11, b'\0'), (11, b''), 12, (12, CLEAN[12:])))


def whole_copies():
    for first, second in ((BAD, CLEAN), (CLEAN, BAD)):
        name = 'bad, clean' if first is BAD else 'clean, bad'
        expect = ALERT if first is BAD else EITHER
        yield Case(name, 1, expect, script((0, first), (0, second), SIZE), False)
        yield Case(name + ', acknowledged before', 1, ALERT if first is BAD else SILENT,
                   script((0, first), SIZE, (0, second), SIZE))
        yield Case(name + ', acknowledged up to the difference', 1, expect,
                   script((0, first), MIDDLE[0], (0, second), SIZE), False)
        yield Case(name + ', acknowledged into the difference', 1, ALERT if first is BAD else SILENT,
                   script((0, first), MIDDLE[0] + 2, (0, second), SIZE), False)
        yield Case(name + ', second in two', 1, expect,
                   script((0, first), (0, second[:12]), (12, second[12:]), SIZE), False)
        yield Case(name + ', in the reply', 2, expect, reply(first, second), False)
        for how, options in (('a wrong checksum', {'spoil': True}), ('one hop', {'ttl': 1})):
            yield Case('%s, first with %s' % (name, how), 1, EITHER, copies(first, second, options), False)
    for at in range(MIDDLE[0], MIDDLE[1]):
        other = BAD[:at] + b'#' + BAD[at + 1:]
        yield Case('one byte of the first is another at %d' % at, 1, EITHER,
                   script((0, other), (0, BAD), SIZE), False)
        yield Case('one byte of the second is another at %d' % at, 1, ALERT,
                   script((0, BAD), (0, other), SIZE), False)
        yield Case('the byte at %d comes ahead, another' % at, 1, EITHER,
                   script((at, b'#'), (0, BAD), SIZE), False)
        yield Case('the byte at %d comes last, another waits' % at, 1, EITHER,
                   script((at, b'#'), (0, BAD[:at]), (at + 1, BAD[at + 1:]), (at, BAD[at:at + 1]), SIZE),
                   False)


def copies(first, second, options):
    def build(c):
        c.open()
        c.client(0, first, **options)
        c.client(0, second)
        c.acknowledge(CLIENT, SIZE)
    return build


def reply(first, second):
    def build(c):
        c.open()
        c.server(0, first)
        c.server(0, second)
        c.acknowledge(SERVER, SIZE)
    return build


def partial():
    """The first part of one and the rest of the other, every way to overlap."""
    for a in range(1, SIZE):
        for b in range(a):
            for first, second in ((BAD, CLEAN), (CLEAN, BAD)):
                readable = b <= MIDDLE[0] if second is BAD else a >= MIDDLE[1]
                if not readable:
                    continue
                word = 'bad' if first is BAD else 'clean'
                yield Case('%s 0..%d, the other from %d' % (word, a, b), 1, EITHER,
                           script((0, first[:a]), (b, second[b:]), SIZE), False)
                yield Case('the other from %d, then %s 0..%d' % (b, word, a), 1, EITHER,
                           script((b, second[b:]), (0, first[:a]), SIZE), False)


def mixes():
    """Beginning, end, and the middle in both versions: every order."""
    head, tail = (0, BAD[:8]), (17, BAD[17:])
    bad, clean = (8, BAD[8:17]), (8, CLEAN[8:17])
    for order in itertools.permutations((head, bad, clean, tail)):
        name = [p[1].decode() for p in order]
        expect = ALERT if order.index(bad) < order.index(clean) else EITHER
        yield Case('in order %s' % name, 1, expect, script(*order, SIZE), False)
    pieces = [head, tail] + [(i, text[i:j]) for text in (BAD, CLEAN) for i, j in ((8, 12), (12, 17))]
    draw = random.Random(3)
    for order in draw.sample(list(itertools.permutations(pieces)), 120):
        yield Case('in order %s' % [p[1].decode() for p in order], 1, EITHER, script(*order, SIZE), False)
    for i in range(60):
        steps = []
        for _ in range(8):
            start = draw.randrange(SIZE - 1)
            text = draw.choice((BAD, CLEAN))
            steps.append((start, text[start:start + draw.randrange(2, 12)]))
        steps.insert(draw.randrange(len(steps)), (8, BAD[8:17]))
        steps += [(0, BAD[:9]), (9, BAD[9:15]), (15, BAD[15:])]
        yield Case('random contradictions %d' % i, 1, EITHER, script(*steps, SIZE), False)


def cases():
    yield from same()
    yield from whole_copies()
    yield from partial()
    yield from mixes()

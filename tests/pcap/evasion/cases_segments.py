# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The same bytes, cut up and in every order."""
import itertools
import random

from case import ALERT, BAD, EITHER, Case, cuts, evenly, sending
from conversation import ACK, CLIENT, SERVER, SYN
from forbidden import LONG

FAR = b'this is' + b'.' * 3000 + b'a word from here'


def ones(data):
    return evenly(len(data), len(data))


def spread(parts):
    """Every second part, then those between."""
    return parts[1::2] + parts[::2]


def splits():
    for pieces in (2, 3):
        for parts in cuts(len(BAD), pieces):
            yield Case('cut at %s' % [s for s, _ in parts[1:]], 1, ALERT, sending(CLIENT, BAD, parts))
    for parts in cuts(len(BAD), 2):
        at = parts[1][0]
        yield Case('reply cut at %d' % at, 2, ALERT, sending(SERVER, BAD, parts))
        yield Case('reply cut at %d, second half first' % at, 2, ALERT,
                   sending(SERVER, BAD, parts[::-1]))
        for rule in (3, 4, 7):
            yield Case('rule %d, cut at %d' % (rule, at), rule, ALERT,
                       sending(CLIENT, BAD, parts, acknowledged=True))
            yield Case('rule %d, cut at %d, second half first' % (rule, at), rule, ALERT,
                       sending(CLIENT, BAD, parts[::-1]))


def orders():
    for pieces in (2, 3, 4, 5):
        parts = evenly(len(BAD), pieces)
        for order in itertools.permutations(range(pieces)):
            yield Case('parts in order %s' % (order,), 1, ALERT,
                       sending(CLIENT, BAD, [parts[i] for i in order]))
            if pieces == 4:
                yield Case('parts of the reply in order %s' % (order,), 2, ALERT,
                           sending(SERVER, BAD, [parts[i] for i in order], acknowledged=True))
    draw = random.Random(1)
    for i in range(60):
        parts = ones(BAD)
        draw.shuffle(parts)
        yield Case('bytes in random order %d' % i, 1, ALERT,
                   sending(CLIENT, BAD, parts, acknowledged=i % 2 == 1))
    for i in range(40):
        parts = evenly(len(LONG), draw.randrange(2, 25))
        draw.shuffle(parts)
        yield Case('long content, random order %d' % i, 5, ALERT, sending(CLIENT, LONG, parts))
    for i in range(20):
        parts = evenly(len(FAR), draw.randrange(3, 25))
        draw.shuffle(parts)
        yield Case('contents far apart, random order %d' % i, 6, ALERT, sending(CLIENT, FAR, parts))


def tiny():
    for name, parts in (('in order', ones(BAD)), ('from behind', ones(BAD)[::-1]),
                        ('every second first', spread(ones(BAD)))):
        for acknowledged in (False, True):
            for rule, side in ((1, CLIENT), (2, SERVER), (3, CLIENT), (4, CLIENT), (7, CLIENT)):
                yield Case('single bytes %s, rule %d%s' % (name, rule, ', acknowledged' * acknowledged),
                           rule, ALERT, sending(side, BAD, parts, acknowledged))
    yield Case('long content in single bytes', 5, ALERT, sending(CLIENT, LONG, ones(LONG)))
    yield Case('long content in single bytes, acknowledged', 5, ALERT,
               sending(CLIENT, LONG, ones(LONG), acknowledged=True))
    # What opens one hole too many is dropped: nobody reads the whole.
    for acknowledged in (False, True):
        yield Case('40 holes at once%s' % (', acknowledged' * acknowledged), 5, EITHER,
                   sending(CLIENT, LONG, spread(ones(LONG)), acknowledged), False)
    yield Case('contents far apart in single bytes', 6, ALERT, sending(CLIENT, FAR, ones(FAR)))


def wrapping():
    """The sequence number passes zero at every byte, and before and behind."""
    for before in range(len(BAD) + 3):
        isn = (1 << 32) - before
        parts = evenly(len(BAD), 4)
        yield Case('wraps after %d' % before, 1, ALERT, sending(CLIENT, BAD, parts, isn=isn))
        yield Case('wraps after %d, from behind' % before, 1, ALERT,
                   sending(CLIENT, BAD, parts[::-1], isn=isn))
        yield Case('wraps after %d, reply, every second first' % before, 2, ALERT,
                   sending(SERVER, BAD, spread(parts), acknowledged=True, isn=isn))
    for isn in (0x7ffffff0, 0x7fffffff, 0x80000000):
        yield Case('sign changes at %#x' % isn, 1, ALERT,
                   sending(CLIENT, BAD, spread(ones(BAD)), isn=isn))


def beginnings():
    def with_syn(taken, sent):
        def build(c):
            c.client(-1, BAD[:sent], flags=SYN)
            c.acked[CLIENT] = taken
            c.send(SERVER, -1, flags=SYN | ACK)
            c.client(taken, BAD[taken:])
            c.acknowledge(CLIENT, len(BAD))
        return build
    for sent in (1, 4, 12, 17, len(BAD)):
        yield Case('SYN with %d bytes, taken' % sent, 1, ALERT, with_syn(sent, sent))
        yield Case('SYN with %d bytes, not taken' % sent, 1, ALERT, with_syn(0, sent))
    yield Case('SYN with 12 bytes, 5 taken', 1, ALERT, with_syn(5, 12))

    def at_once(c):
        c.send(CLIENT, -1, flags=SYN)
        c.send(SERVER, -1, flags=SYN | ACK)
        c.client(10, BAD[10:])
        c.client(0, BAD[:10])
    yield Case('data in place of the handshake\'s end', 1, ALERT, at_once)

    def reply_with_syn(c):
        c.send(CLIENT, -1, flags=SYN)
        c.server(-1, BAD[:12], flags=SYN | ACK)
        c.acknowledge(SERVER, 12)
        c.server(12, BAD[12:])
        c.acknowledge(SERVER, len(BAD))
    yield Case('SYN+ACK with 12 bytes', 2, ALERT, reply_with_syn)

    def server_first(c):
        c.open()
        c.server(0, b'220 hello\r\n')
        c.client(0, BAD[:12])
        c.server(11, b'more\r\n')
        c.acknowledge(SERVER, 17)
        c.client(12, BAD[12:])
    yield Case('both speak', 1, ALERT, server_first)


def cases():
    yield from splits()
    yield from orders()
    yield from tiny()
    yield from wrapping()
    yield from beginnings()

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Ends that are none, beginnings that come twice, bytes that no window takes."""
from case import ALERT, BAD, CLEAN, EITHER, SILENT, Case
from conversation import ACK, CLIENT, PSH, SERVER, SYN
from frames import FIN, RST, URG

SIZE = len(BAD)


def opened(do):
    def build(c):
        c.open()
        do(c)
    return build


def resets():
    def halves(between):
        def do(c):
            c.client(0, BAD[:12])
            between(c)
            c.client(12, BAD[12:])
            c.acknowledge(CLIENT, SIZE)
        return opened(do)
    for at in (-500_000, 100_000, 1 << 30):
        yield Case('RST at %d between halves' % at, 1, ALERT,
                   halves(lambda c, at=at: c.send(CLIENT, at, flags=RST)), False)
    yield Case('RST of the server out of window', 1, ALERT,
               halves(lambda c: c.send(SERVER, 300_000, flags=RST | ACK)), False)
    yield Case('RST with a wrong checksum', 1, ALERT,
               halves(lambda c: c.send(CLIENT, 12, flags=RST, spoil=True)), False)
    yield Case('RST with one hop', 1, EITHER, halves(lambda c: c.send(CLIENT, 12, flags=RST, ttl=1)), False)
    yield Case('RST in the window', 1, EITHER, halves(lambda c: c.send(CLIENT, 14, flags=RST)), False)
    yield Case('RST of the server', 1, EITHER, halves(lambda c: c.send(SERVER, 0, flags=RST | ACK)), False)
    yield Case('RST with data', 1, EITHER,
               halves(lambda c: c.send(CLIENT, 12, b'harmless', flags=RST | ACK)), False)

    def gap_open(c):
        c.client(12, BAD[12:])
        c.send(CLIENT, 0, flags=RST)
        c.client(0, BAD[:12])
    yield Case('RST while a gap is open', 1, EITHER, opened(gap_open), False)

    def again(first, second):
        def do(c):
            c.client(0, first)
            c.send(CLIENT, len(first), flags=RST | ACK)
            c.isn = [900_000_000, 3_000_000_000]
            c.acked = [0, 0]
            c.open()
            c.client(0, second)
            c.acknowledge(CLIENT, len(second))
        return opened(do)
    yield Case('RST, then a connection anew', 1, ALERT, again(CLEAN, BAD))
    yield Case('cut by RST and a connection anew', 1, SILENT, again(BAD[:12], BAD[12:]))


def fins():
    def do_split(order):
        def do(c):
            for start, end in order:
                flags = PSH | ACK | (FIN if end == SIZE else 0)
                c.client(start, BAD[start:end], flags=flags)
            c.acknowledge(CLIENT, SIZE + 1)
        return opened(do)
    for at in range(1, SIZE):
        yield Case('FIN behind a cut at %d' % at, 1, ALERT, do_split([(0, at), (at, SIZE)]))
        yield Case('FIN before the gap at 0..%d closes' % at, 1, ALERT, do_split([(at, SIZE), (0, at)]))

    def alone_first(c):
        c.send(CLIENT, SIZE, flags=FIN | ACK)
        c.client(12, BAD[12:])
        c.client(0, BAD[:12])
    yield Case('FIN alone, before all data', 1, ALERT, opened(alone_first))

    def beyond(fin, start, acknowledged):
        def do(c):
            c.client(0, BAD[:12])
            c.send(CLIENT, fin, flags=FIN | ACK)
            if acknowledged:
                c.acknowledge(CLIENT, fin + 1)
            c.client(start, BAD[12:])
        return opened(do)
    for acknowledged in (False, True):
        for start in (12, 13):
            yield Case('FIN at 12, the rest at %d%s' % (start, ', acknowledged' * acknowledged), 1,
                       SILENT, beyond(12, start, acknowledged), False)

    def over(c):
        c.client(0, BAD[:12], flags=FIN | PSH | ACK)
        c.client(0, BAD)
    yield Case('sent again, longer than the FIN allowed', 1, SILENT, opened(over), False)

    def moved(c):
        c.client(12, BAD[12:])
        c.send(CLIENT, 5, flags=FIN | ACK)
        c.client(0, BAD[:12])
    yield Case('FIN in the middle of what waits', 1, EITHER, opened(moved), False)

    def half_closed(c):
        c.client(0, b'hello', flags=FIN | ACK)
        c.acknowledge(CLIENT, 6)
        c.server(0, BAD[:12])
        c.server(12, BAD[12:])
        c.acknowledge(SERVER, SIZE)
    yield Case('reply behind the FIN of the client', 2, ALERT, opened(half_closed))

    def lost_fin(c):
        c.client(0, BAD[:12])
        c.send(CLIENT, 12, flags=FIN | ACK, spoil=True)
        c.client(12, BAD[12:])
        c.acknowledge(CLIENT, SIZE)
    yield Case('FIN with a wrong checksum', 1, EITHER, opened(lost_fin), False)


def syns():
    def with_isn(c, isn, do):
        known, c.isn[CLIENT] = c.isn[CLIENT], isn
        do()
        c.isn[CLIENT] = known

    def second(isn, old):
        def do(c):
            c.client(0, BAD[:12])
            with_isn(c, isn, lambda: c.send(CLIENT, -1, flags=SYN))
            if old:
                c.client(12, BAD[12:])
                c.acknowledge(CLIENT, SIZE)
            else:
                with_isn(c, isn, lambda: c.client(12, BAD[12:]))
        return opened(do)
    for isn in (1005, 1000 + 100_000, 4_000_000_000):
        yield Case('SYN %d between halves' % isn, 1, ALERT, second(isn, True), False)
        yield Case('SYN %d, the rest by its numbers' % isn, 1, SILENT, second(isn, False), False)

    def two(answered):
        def build(c):
            first, last = 1000, 500_000
            for isn in (first, last):
                c.isn[CLIENT] = isn
                c.send(CLIENT, -1, flags=SYN)
            c.isn[CLIENT] = (first, last)[answered]
            c.send(SERVER, -1, flags=SYN | ACK)
            c.send(CLIENT, 0, flags=ACK)
            c.client(12, BAD[12:])
            c.client(0, BAD[:12])
            c.acknowledge(CLIENT, SIZE)
        return build
    yield Case('two SYNs, the second is answered', 1, ALERT, two(1), False)
    yield Case('two SYNs, the first is answered', 1, EITHER, two(0), False)

    def answers(c):
        c.send(CLIENT, -1, flags=SYN)
        c.send(SERVER, -1, flags=SYN | ACK)
        known, c.isn[SERVER] = c.isn[SERVER], 777_000
        c.send(SERVER, -1, flags=SYN | ACK)
        c.isn[SERVER] = known
        c.send(CLIENT, 0, flags=ACK)
        c.server(0, BAD[:12])
        c.server(12, BAD[12:])
        c.acknowledge(SERVER, SIZE)
    yield Case('two SYN+ACKs', 2, EITHER, answers, False)

    def again(c):
        c.client(0, BAD[:12])
        c.send(CLIENT, -1, flags=SYN)
        c.send(SERVER, -1, flags=SYN | ACK, ack=0)
        c.client(12, BAD[12:])
        c.acknowledge(CLIENT, SIZE)
    yield Case('the handshake again', 1, ALERT, opened(again), False)


def no_data():
    """Segments of which no receiver takes data, with and instead of those that it takes."""
    def do(steps):
        def body(c):
            for at, data, flags in steps:
                c.client(at, data, flags=flags)
        return opened(body)
    normal = PSH | ACK
    for flags, name in ((0, 'no flags'), (PSH, 'PSH alone')):
        yield Case('bad with %s, clean' % name, 1, SILENT, do([(0, BAD, flags), (0, CLEAN, normal)]), False)
        yield Case('clean with %s, bad' % name, 1, ALERT, do([(0, CLEAN, flags), (0, BAD, normal)]), False)
        yield Case('half with %s' % name, 1, SILENT, do([(0, BAD[:12], normal), (12, BAD[12:], flags)]),
                   False)
    for at in (66_000, 200_000, 1 << 29, -(1 << 29), -len(BAD)):
        yield Case('bad at %d' % at, 1, SILENT, do([(at, BAD, normal), (0, CLEAN, normal)]), False,
                   loose=False)
    for ahead in (1, 5, 100):
        yield Case('%d bytes lie before the first' % ahead, 1, ALERT,
                   do([(-ahead, b'#' * ahead + BAD, normal)]), False)
    yield Case('clean out of window, then bad', 1, ALERT,
               do([(100_000, CLEAN, normal), (0, BAD, normal)]), False)


def windows():
    def closed(c):
        c.window[SERVER] = 12
        c.client(0, BAD[:12])
        c.window[SERVER] = 0
        c.acknowledge(CLIENT, 12)
        c.client(12, BAD[12:13])
        c.acknowledge(CLIENT, 12)
        c.client(12, BAD[12:13])
        c.window[SERVER] = 8192
        c.acknowledge(CLIENT, 13)
        c.client(13, BAD[13:])
        c.acknowledge(CLIENT, SIZE)
    yield Case('window closed and probed', 1, ALERT, opened(closed), False)

    def probe_other(c):
        c.client(0, BAD[:12])
        c.window[SERVER] = 0
        c.acknowledge(CLIENT, 12)
        c.client(12, b'#')
        c.acknowledge(CLIENT, 12)
        c.window[SERVER] = 8192
        c.acknowledge(CLIENT, 12)
        c.client(12, BAD[12:])
        c.acknowledge(CLIENT, SIZE)
    yield Case('window closed, the probe has another byte', 1, EITHER, opened(probe_other), False)


def urgent():
    def marked(text, at, pointer, flags=PSH | ACK | URG):
        def do(c):
            c.client(0, text[:at])
            c.client(at, text[at:], flags=flags, urgent=pointer)
            c.acknowledge(CLIENT, len(text))
        return opened(do)
    for pointer in range(0, 6):
        yield Case('urgent pointer %d' % pointer, 1, EITHER, marked(BAD, 12, pointer), False)
    stuffed = BAD[:13] + b'#' + BAD[13:]
    for at in (10, 12, 13):
        yield Case('an urgent byte too many, cut at %d' % at, 1, EITHER,
                   marked(stuffed, at, 14 - at), False)
    yield Case('an urgent pointer without the flag', 1, ALERT, marked(BAD, 12, 3, PSH | ACK), False)
    yield Case('a byte too many, pointer without the flag', 1, SILENT,
               marked(stuffed, 12, 2, PSH | ACK))


def cases():
    for part in (resets, fins, syns, no_data, windows, urgent):
        yield from part()

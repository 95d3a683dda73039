# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What must not fire: the word is nowhere in one piece."""
from case import BAD, SILENT, Case, script
from conversation import CLIENT, SERVER

SIZE = len(BAD)


def cases():
    for at in range(9, 17):
        head, tail = BAD[:at], BAD[at:]

        def two(c, head=head, tail=tail):
            c.open()
            c.client(0, head)
            c.other()
            c.open()
            c.client(0, tail)
        yield Case('cut at %d by two connections' % at, 1, SILENT, two)

        def directions(c, head=head, tail=tail):
            c.open()
            c.client(0, head)
            c.acknowledge(CLIENT, len(head))
            c.server(0, tail)
            c.acknowledge(SERVER, len(tail))
        yield Case('cut at %d by two directions' % at, 1, SILENT, directions)
        yield Case('cut at %d by a gap' % at, 1, SILENT, script((0, head), (at + 1, tail)))
        yield Case('cut at %d by a byte' % at, 1, SILENT, script((0, head), (at, b'#'), (at + 1, tail)))
        yield Case('cut at %d by a gap, which something else fills' % at, 1, SILENT,
                   script((0, head), (at + 1, tail), (at, b'#'), SIZE + 1))
        yield Case('halves change places at %d' % at, 1, SILENT, script((0, tail), (len(tail), head), SIZE))

        def datagrams(c, head=head, tail=tail):
            for text in (head, tail):
                c.datagram(CLIENT, c.udp(CLIENT, text), 17)
        yield Case('cut at %d by two datagrams' % at, 21, SILENT, datagrams)

    def opposite(c):
        c.open()
        c.server(0, BAD)
        c.acknowledge(SERVER, SIZE)
    yield Case('said by the server', 1, SILENT, opposite)
    yield Case('said by the client', 2, SILENT, script((0, BAD), SIZE))
    yield Case('behind a hole that never closes', 1, SILENT, script((5, BAD), (100, BAD)))
    yield Case('in upper case', 1, SILENT, script((0, BAD.upper()), SIZE))
    yield Case('too far behind', 4, SILENT,
               script((0, BAD[:8]), (8, b'.' * 12), (20, BAD[8:]), SIZE + 12))
    yield Case('too far on', 7, SILENT, script((0, b'.' + BAD), SIZE + 1))

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""One conversation, written segment by segment.

Positions count from the first byte behind the SYN of whoever sends. What the
ends acknowledge is a matter of the script, as everything else is.
"""
import random

from frames import (ACK, FAMILIES, PSH, SYN, TCP, UDP, ethernet, ip, tcp_segment, udp_segment)

CLIENT, SERVER = 0, 1


class Conversation:
    """`index` tells it from all others of a capture: client port and IP identifier."""

    def __init__(self, index, family, port):
        self.ends = FAMILIES[family]
        self.ports = (1024 + 2 * index, port)
        self.ident = self.next_ident = 8 * index
        self.isn = [1000, 5000]
        self.acked = [0, 0]  # bytes of this side that the other has acknowledged
        self.window = [8192, 8192]
        self.frames = []
        self.random = random.Random(index)

    # The other of two connections that a case may have.
    def other(self):
        self.ports = (self.ports[0] ^ 1, self.ports[1])

    def open(self):
        self.send(CLIENT, -1, flags=SYN)
        self.send(SERVER, -1, flags=SYN | ACK)
        self.send(CLIENT, 0, flags=ACK)

    def segment(self, side, at, data=b'', flags=PSH | ACK, ack=None, urgent=0):
        other = 1 - side
        number = (self.isn[side] + 1 + at) & 0xffffffff
        if ack is None:
            ack = self.acked[other]
        acknowledges = (self.isn[other] + 1 + ack) & 0xffffffff if flags & ACK else 0
        return tcp_segment(self.ends[side], self.ends[other], self.ports[side], self.ports[other],
                           flags, number, acknowledges, data, self.window[side], urgent)

    def send(self, side, at, data=b'', flags=PSH | ACK, ack=None, urgent=0, ttl=64, spoil=False):
        """`spoil`: the checksum is wrong."""
        segment = self.segment(side, at, data, flags, ack, urgent)
        if spoil:
            segment = segment[:16] + bytes((segment[16] ^ 0x55,)) + segment[17:]
        self.datagram(side, segment, ttl=ttl)

    def datagram(self, side, data, proto=TCP, **how):
        self.frames.append(ethernet(ip(self.ends[side], self.ends[1 - side], proto, data,
                                       self.ident, **how)))

    def client(self, at, data, **how):
        self.send(CLIENT, at, data, **how)

    def server(self, at, data, **how):
        self.send(SERVER, at, data, **how)

    def acknowledge(self, side, upto):
        """The other side has everything of `side` before `upto`."""
        self.acked[side] = upto
        self.send(1 - side, self.acked[1 - side], flags=ACK)

    def udp(self, side, data):
        return udp_segment(self.ends[side], self.ends[1 - side], self.ports[side],
                           self.ports[1 - side], data)

    def fragment(self, side, data, start, end, last=None, proto=TCP, ident=0):
        """Bytes start..end of a datagram's payload; `last`: whether no more follow."""
        more = end < len(data) if last is None else not last
        self.frames.append(ethernet(ip(self.ends[side], self.ends[1 - side], proto, data[start:end],
                                       self.ident + ident, start, more, fragment=True)))

    def udp_fragment(self, side, data, start, end, last=None, ident=0):
        self.fragment(side, data, start, end, last, UDP, ident)

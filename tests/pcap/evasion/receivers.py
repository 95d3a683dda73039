# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What receivers make of frames: none of Sluice's code, nor its order of doing things.

A receiver may prefer the first or the last copy of a byte, take urgent bytes out
of the stream or not, and never get some packet (a small TTL, a wrong checksum). Not
`strict`: whatever any of them could read, whose acknowledgements fit; `strict`:
what those read that get all, check it and keep to the letter of RFC 9293.
"""
import itertools
import struct

from frames import ACK, FIN, RST, SYN, TCP, UDP, URG, checksum

WINDOW = 65535      # no conversation here scales its window
MOST_SUBSETS = 256  # of segments that contradict each other
EXTENSIONS = (0, 43, 60)  # IPv6: hop by hop, routing, destination options


class Segment:
    def __init__(self, side, data, whole):
        (self.source, self.destination, self.seq, self.ack, self.offset, self.flags, self.window, _,
         self.urgent) = struct.unpack_from('>HHIIBBHHH', data)
        self.side, self.whole = side, whole
        self.payload = data[(self.offset >> 4) * 4:]


def split_frame(frame):
    """Source, destination, protocol, payload, (ident, offset, more) of a fragment."""
    d = frame[14:]
    if d[0] >> 4 == 4:
        total, ident, where = struct.unpack_from('>HHH', d, 2)
        part = (ident, (where & 0x1fff) * 8, bool(where & 0x2000)) if where & 0x3fff else None
        return d[12:16], d[16:20], d[9], d[(d[0] & 15) * 4:total], part
    total, proto = struct.unpack_from('>HB', d, 4)
    payload, part = d[40:40 + total], None
    while proto in EXTENSIONS or proto == 44:
        if proto == 44:
            where, ident = struct.unpack_from('>HI', payload, 2)
            part = (ident, where & 0xfff8, bool(where & 1))
            proto, payload = payload[0], payload[8:]
            if part[1] != 0:
                break
        else:
            proto, payload = payload[0], payload[8 * (1 + payload[1]):]
    return d[8:24], d[24:40], proto, payload, part


def datagrams(frames, last_wins):
    """(source, destination, protocol, payload) of what is complete."""
    open_parts = {}
    for frame in frames:
        source, destination, proto, payload, part = split_frame(frame)
        if part is None or part[1:] == (0, False):
            yield source, destination, proto, payload
            continue
        ident, offset, more = part
        key = (source, destination, proto, ident)
        known, end = open_parts.get(key, ({}, None))
        for i, byte in enumerate(payload, offset):
            if last_wins or i not in known:
                known[i] = byte
        if not more and (end is None or last_wins):
            end = offset + len(payload)
        open_parts[key] = known, end
        if end is not None and all(i in known for i in range(end)):
            del open_parts[key]
            yield source, destination, proto, bytes(known[i] for i in range(end))


def segments(frames, server_port, last_wins):
    out = []
    for source, destination, proto, data in datagrams(frames, last_wins):
        if proto != TCP or len(data) < 20:
            continue
        pseudo = source + destination + struct.pack('>II', len(data), proto)
        side = 1 if struct.unpack_from('>H', data)[0] == server_port else 0
        out.append(Segment(side, data, checksum(pseudo + data) == 0))
    return out


def bases(side, conversation):
    """Numbers of the first byte of `side`, one for each connection that came about."""
    found = []
    syns = [s for s in conversation if s.side == 0 and s.flags & SYN and not s.flags & ACK]
    for answer in conversation:
        if answer.side != 1 or answer.flags & (SYN | ACK) != SYN | ACK:
            continue
        if side == 1:
            base = answer.seq + 1
        else:
            base = answer.ack
            for syn in syns:
                if (answer.ack - syn.seq - 1) & 0xffffffff <= len(syn.payload):
                    base = syn.seq + 1
        if base & 0xffffffff not in found:
            found.append(base & 0xffffffff)
    return found


def place(segment, base):
    """Where its first byte lies in the stream; may be negative."""
    start = (segment.seq + (1 if segment.flags & SYN else 0) - base) & 0xffffffff
    return start - (1 << 32) if start >= 1 << 31 else start


def bytes_of(segment, take_urgent):
    """Index and value, without the byte that an urgent pointer takes out: (index, None)."""
    taken = segment.urgent - 1 if take_urgent and segment.flags & URG else -1
    return ((i, None if i == taken else b) for i, b in enumerate(segment.payload))


def contradicting(side, base, conversation):
    """Indices of segments that say something else than another about a byte."""
    said = {}
    for n, s in enumerate(conversation):
        if s.side == side:
            start = place(s, base)
            for i, b in enumerate(s.payload):
                said.setdefault(start + i, {}).setdefault(b, []).append(n)
    return sorted({n for values in said.values() if len(values) > 1
                   for ns in values.values() for n in ns})


def next_of(side, conversation, upto):
    """The number that `side` sends next, by what it has sent in the first `upto` segments."""
    number = None
    for s in conversation[:upto]:
        if s.side == side and not s.flags & RST:
            end = s.seq + len(s.payload) + bool(s.flags & SYN) + bool(s.flags & FIN)
            if number is None or (end - number) & 0xffffffff < 1 << 31:
                number = end & 0xffffffff
    return number


def read(side, base, conversation, lost, last_wins, take_urgent, strict, acks=None):
    """What is read; None if the receiver acknowledges what it has lost. `acks`: see readings."""
    known, upto, acked, fin = {}, 0, 0, None
    for n, s in enumerate(conversation):
        if strict and not s.whole:
            continue
        if s.side != side:
            if strict and s.flags & RST and s.seq == next_of(s.side, conversation, n):
                break
            if s.flags & ACK:
                ahead = (s.ack - base) & 0xffffffff
                if ahead <= upto:
                    acked = max(acked, ahead)
                    if acks is not None and not lost:
                        acks.add(n)
                elif fin == upto and ahead == upto + 1:
                    if acks is not None and not lost:
                        acks.add(n)
                    break  # it has the FIN
                elif lost and n in acks:
                    return None
            continue
        start = place(s, base)
        if s.flags & RST:
            if strict and start == upto:
                break
            continue
        if n in lost or not s.flags & (ACK | SYN):
            continue
        if strict and s.flags & SYN and start != 0:
            continue
        if start >= upto + WINDOW:
            continue
        final = upto if strict else acked
        for i, b in bytes_of(s, take_urgent):
            at = start + i
            if at < final or at >= upto + WINDOW or (strict and fin is not None and at >= fin):
                continue
            if last_wins or at not in known:
                known[at] = b
        if s.flags & FIN and fin is None:
            fin = start + len(s.payload)
        while upto in known:
            upto += 1
    return bytes(b for b in (known[i] for i in range(upto)) if b is not None)


def readings(frames, side, server_port, strict):
    """An acknowledgement that would be right had nothing been lost rules out the losses
    that contradict it; others are the script's, of frames that did not leave."""
    seen = set()
    fragmented = any(split_frame(f)[4] for f in frames)
    for fragment_last in (False, True) if fragmented else (False,):
        conversation = segments(frames, server_port, fragment_last)
        for base in bases(side, conversation):
            doubtful = [] if strict else contradicting(side, base, conversation)
            urgent = any(s.flags & URG for s in conversation if s.side == side)
            subsets = itertools.islice(
                itertools.chain.from_iterable(itertools.combinations(doubtful, k)
                                              for k in range(len(doubtful) + 1)), MOST_SUBSETS)
            acks = set()
            for lost in subsets:
                for last_wins, take_urgent in itertools.product(
                        (False, True), (False, True) if urgent else (False,)):
                    seen.add(read(side, base, conversation, set(lost), last_wins, take_urgent,
                                  strict, acks))
    return seen - {None}


def datagram_readings(frames, side, server_port):
    """Payloads of UDP."""
    seen = set()
    for last_wins in (False, True):
        for _, _, proto, data in datagrams(frames, last_wins):
            if proto == UDP and len(data) >= 8:
                source = struct.unpack_from('>H', data)[0]
                if (source == server_port) == (side == 1):
                    seen.add(data[8:])
    return seen

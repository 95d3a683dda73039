# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Captures read and written, frames taken apart and put together: what prepare.py and
generate.py share. Reads pcap and pcapng, both byte orders, of Ethernet and of Linux'
cooked frames."""
import struct

ETHERNET, COOKED = 1, 113
LONGEST = 1514   # of a frame, without the FCS
TCP, UDP = 6, 17
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class NotReadable(Exception):
    pass


def read(path):
    """Frames of a capture in order, whole ones only."""
    with open(path, 'rb') as f:
        data = f.read()
    magic = data[:4]
    if magic == b'\x0a\x0d\x0d\x0a':
        return _read_pcapng(data)
    for order, magics in (('<', (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1')),
                          ('>', (b'\xa1\xb2\xc3\xd4', b'\xa1\xb2\x3c\x4d'))):
        if magic in magics:
            return _read_pcap(data, order)
    raise NotReadable('no pcap and no pcapng')


def _read_pcap(data, order):
    link = struct.unpack_from(order + 'I', data, 20)[0] & 0xfffffff
    frames, at = [], 24
    while at + 16 <= len(data):
        captured, length = struct.unpack_from(order + 'II', data, at + 8)
        at += 16
        if captured == length and at + captured <= len(data):
            frames.append(_ethernet(link, data[at:at + captured]))
        at += captured
    return frames


def _read_pcapng(data):
    frames, at, order, links = [], 0, '<', []
    while at + 12 <= len(data):
        kind = struct.unpack_from(order + 'I', data, at)[0]
        if kind == 0x0a0d0d0a:
            order = '<' if data[at + 8:at + 12] == b'\x4d\x3c\x2b\x1a' else '>'
            links = []
        size = struct.unpack_from(order + 'I', data, at + 4)[0]
        if size < 12 or at + size > len(data):
            break
        if kind == 1:
            links.append(struct.unpack_from(order + 'H', data, at + 8)[0])
        elif kind == 6 and size >= 32:
            interface, _, _, captured, length = struct.unpack_from(order + 'IIIII', data, at + 8)
            if interface < len(links) and captured == length and captured <= size - 32:
                frames.append(_ethernet(links[interface], data[at + 28:at + 28 + captured]))
        at += size
    return frames


def _ethernet(link, frame):
    if link == COOKED:
        return bytes(12) + frame[14:]
    if link != ETHERNET:
        raise NotReadable('neither Ethernet nor cooked')
    return frame


def write(path, frames):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, ETHERNET))
        for i, frame in enumerate(frames):
            f.write(struct.pack('<IIII', i // 1000000, i % 1000000, len(frame), len(frame)))
            f.write(frame)


def checksum(*parts):
    data = b''.join(p + b'\0' * (len(p) % 2) for p in parts)
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Packet:
    """TCP or UDP over IPv4 or IPv6, whole, without VLAN tags, IPv6 without extension
    headers. None of it is checked but the lengths."""

    def __init__(self, ip, source, target, l4, payload):
        self.ip = ip                 # the IP header
        self.source, self.target = source, target   # (address, port)
        self.l4 = l4                 # the TCP or UDP header
        self.payload = payload

    @property
    def protocol(self):
        return self.ip[9] if self.ip[0] >> 4 == 4 else self.ip[6]

    @property
    def flags(self):
        return self.l4[13] if self.protocol == TCP else 0

    @property
    def seq(self):
        return struct.unpack_from('>I', self.l4, 4)[0]

    @property
    def key(self):
        return (self.protocol,) + tuple(sorted((self.source, self.target)))

    def frame(self):
        """Lengths and checksums anew."""
        l4 = bytearray(self.l4)
        at = 16 if self.protocol == TCP else 6
        size = len(l4) + len(self.payload)
        if self.protocol == UDP:
            struct.pack_into('>H', l4, 4, size)
        struct.pack_into('>H', l4, at, 0)
        ends = self.source[0] + self.target[0]
        total = checksum(ends, struct.pack('>II', size, self.protocol), bytes(l4), self.payload)
        struct.pack_into('>H', l4, at, 0xffff if total == 0 and self.protocol == UDP else total)
        ip = bytearray(self.ip)
        if ip[0] >> 4 == 4:
            struct.pack_into('>H', ip, 2, len(ip) + size)
            struct.pack_into('>H', ip, 10, 0)
            struct.pack_into('>H', ip, 10, checksum(bytes(ip)))
            kind = b'\x08\x00'
        else:
            struct.pack_into('>H', ip, 4, size)
            kind = b'\x86\xdd'
        ethernet = b'\x02\0\0\0\0\x02' + b'\x02\0\0\0\0\x01' + kind
        return ethernet + bytes(ip) + bytes(l4) + self.payload


def packet(frame):
    """The frame's Packet, or None: another protocol, a fragment, cut off."""
    at = 12
    while frame[at:at + 2] in (b'\x81\x00', b'\x88\xa8'):
        at += 4
    kind, ip = frame[at:at + 2], frame[at + 2:]
    if kind == b'\x08\x00' and len(ip) >= 20 and ip[0] >> 4 == 4:
        header, length = (ip[0] & 15) * 4, struct.unpack_from('>H', ip, 2)[0]
        if header < 20 or struct.unpack_from('>H', ip, 6)[0] & 0x3fff or length > len(ip):
            return None
        # Segmentation offload leaves a length of 0.
        ip = ip[:length or len(ip)]
        protocol, source, target = ip[9], ip[12:16], ip[16:20]
    elif kind == b'\x86\xdd' and len(ip) >= 40 and ip[0] >> 4 == 6:
        header, length = 40, struct.unpack_from('>H', ip, 4)[0] + 40
        if length > len(ip):
            return None
        ip = ip[:length]
        protocol, source, target = ip[6], ip[8:24], ip[24:40]
    else:
        return None
    l4 = ip[header:]
    if len(l4) < {TCP: 20, UDP: 8}.get(protocol, 1 << 20):
        return None
    size = (l4[12] >> 4) * 4 if protocol == TCP else 8
    if size < 8 or len(l4) < size or (protocol == TCP and size < 20):
        return None
    payload = l4[size:]
    if protocol == UDP:
        told = struct.unpack_from('>H', l4, 4)[0]
        if told != len(l4):
            return None
    ports = struct.unpack_from('>HH', l4, 0)
    return Packet(ip[:header], (source, ports[0]), (target, ports[1]), l4[:size], payload)


def split(p):
    """The packet as what a network of 1500 bytes carries: a sender with segmentation
    offload captures its segments joined. None for a datagram that does not fit."""
    room = LONGEST - 14 - len(p.ip) - len(p.l4)
    if len(p.payload) <= room:
        return [p]
    if p.protocol != TCP:
        return None
    out = []
    for at in range(0, len(p.payload), room):
        l4 = bytearray(p.l4)
        struct.pack_into('>I', l4, 4, (p.seq + at) & 0xffffffff)
        if at + room < len(p.payload):
            l4[13] &= ~(FIN | PSH) & 0xff
        out.append(Packet(p.ip, p.source, p.target, bytes(l4), p.payload[at:at + room]))
    return out


def reset(p, seq, ack):
    """A segment that ends the connection, from the sender of p."""
    ip = bytearray(p.ip[:20] if p.ip[0] >> 4 == 4 else p.ip)
    if ip[0] >> 4 == 4:
        ip[0] = 0x45
    l4 = bytearray(p.l4[:20])
    struct.pack_into('>II', l4, 4, seq & 0xffffffff, ack & 0xffffffff)
    l4[12], l4[13] = 5 << 4, RST | ACK
    return Packet(bytes(ip), p.source, p.target, bytes(l4), b'')

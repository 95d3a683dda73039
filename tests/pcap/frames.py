# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Frames for captures: IPv4 and IPv6 alike, by the family of the addresses."""
import ipaddress
import struct

MACS = bytes.fromhex('020000000002' '020000000001')
FAMILIES = (('10.0.0.1', '192.0.2.1'), ('fd00::1', '2001:db8::1'))
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ETHERNET, NULL, RAW, LINUX_COOKED = 1, 0, 101, 113  # link types of the file format
START = 1_700_000_000


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


def ip(source, destination, proto, data, ident=0, offset=0, more=False, fragment=False, ttl=64):
    """A datagram, or a fragment of one: offset in bytes."""
    src, dst = packed(source), packed(destination)
    if len(src) == 4:
        header = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(data), ident,
                             offset // 8 | more << 13, ttl, proto, 0) + src + dst
        return header[:10] + struct.pack('>H', checksum(header)) + header[12:] + data
    if fragment:
        data = struct.pack('>BBHI', proto, 0, offset | more, ident) + data
        proto = 44
    return struct.pack('>IHBB', 6 << 28, len(data), proto, ttl) + src + dst + data


def with_checksum(source, destination, proto, segment, at):
    src, dst = packed(source), packed(destination)
    pseudo = src + dst + struct.pack('>II', len(segment), proto)
    value = checksum(pseudo + segment) or 0xffff
    return segment[:at] + struct.pack('>H', value) + segment[at + 2:]


def udp_segment(source, destination, sport, dport, payload):
    segment = struct.pack('>HHHH', sport, dport, 8 + len(payload), 0) + payload
    return with_checksum(source, destination, UDP, segment, 6)


def udp(source, destination, sport, dport, payload):
    return ip(source, destination, UDP, udp_segment(source, destination, sport, dport, payload))


def tcp_segment(source, destination, sport, dport, flags, seq, ack=0, payload=b'', window=8192, urgent=0):
    segment = struct.pack('>HHIIBBHHH', sport, dport, seq, ack, 0x50, flags, window, 0, urgent) + payload
    return with_checksum(source, destination, TCP, segment, 16)


def tcp(source, destination, sport, dport, flags, seq, ack=0, payload=b''):
    return ip(source, destination, TCP,
              tcp_segment(source, destination, sport, dport, flags, seq, ack, payload))


def ethernet(datagram, *tags):
    kind = 0x0800 if datagram[0] >> 4 == 4 else 0x86dd
    vlans = b''.join(struct.pack('>HH', *tag) for tag in tags)
    return MACS + vlans + struct.pack('>H', kind) + datagram


def write_capture(path, frames, link_type=ETHERNET, apart_us=10_000):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, link_type))
        for i, frame in enumerate(frames):
            at = i * apart_us
            f.write(struct.pack('<IIII', START + at // 1_000_000, at % 1_000_000, len(frame), len(frame)))
            f.write(frame)


def read_capture(path):
    with open(path, 'rb') as f:
        data = f.read()
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    frames, at = [], 24
    while at < len(data):
        length = struct.unpack_from(order + 'I', data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames

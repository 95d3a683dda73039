#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Makes the captures of the cases beside this file.

  tests/pcap/make_cases.py        writes <case>/*.pcap anew, byte for byte the same

The frames are numbered from 0 in the order of their making; expect.json and the
cases' READMEs speak of them by these numbers.
"""
import os
import struct

from frames import (ACK, ETHERNET, FAMILIES, FIN, LINUX_COOKED, MACS, NULL, PSH, RAW, RST, SYN, UDP,
                    ethernet, ip, tcp, udp, udp_segment, write_capture)

HERE = os.path.dirname(os.path.abspath(__file__))


def fragments(source, destination, dport, sizes, ident):
    """A UDP datagram in fragments with so many bytes each."""
    data = udp_segment(source, destination, 40000, dport,
                       bytes(i * 7 & 255 for i in range(sum(sizes) - 8)))
    out, at = [], 0
    for size in sizes:
        out.append(ip(source, destination, UDP, data[at:at + size], ident, at,
                      at + size < len(data), fragment=True))
        at += size
    return out


def write(case, frames, name='in.pcap', link_type=ETHERNET):
    """Frames are 10 ms apart."""
    write_capture(os.path.join(HERE, case, name), frames, link_type)


def fragment_case():
    frames = []
    for client, server in FAMILIES:
        frames += fragments(client, server, 5000, (1200, 600), 1)                 # 0..1, 11..12
        frames += reversed(fragments(client, server, 6000, (800, 800, 100), 2))   # 2..4, 13..15
        first, second = fragments(client, server, 5000, (1200, 600), 3)
        again = fragments(client, server, 5000, (1192, 608), 3)[1]
        frames += [first, again, second]                                          # 5..7, 16..18
        frames += fragments(client, server, 5000, (400,) * 2 + (8,), 4)[:2]       # 8..9, 19..20
        frames.append(udp(client, server, 40000, 5000, b'whole'))                 # 10, 21
    write('fragments', map(ethernet, frames))


def vlan_case():
    frames = []
    for client, server in FAMILIES:
        question = udp(client, server, 40000, 5000, b'who goes there')
        answer = udp(server, client, 5000, 40000, b'a friend')
        for tags in ((), ((0x8100, 10),), ((0x8100, 20),), ((0x88a8, 10), (0x8100, 20))):
            frames += [ethernet(question, *tags), ethernet(answer, *tags)]
    write('vlan-zones', frames)


def conversation(client, server, port, payload):
    """Handshake, request, acknowledgement: five segments."""
    return [
        tcp(client, server, 40000, port, SYN, 1000),
        tcp(server, client, port, 40000, SYN | ACK, 5000, 1001),
        tcp(client, server, 40000, port, ACK, 1001, 5001),
        tcp(client, server, 40000, port, PSH | ACK, 1001, 5001, payload),
        tcp(server, client, port, 40000, ACK, 5001, 1001 + len(payload)),
    ]


def reset_case():
    frames = []
    for client, server in FAMILIES:
        frames += conversation(client, server, 7777, b'hello')                    # 0..4, 11..15
        frames += [
            tcp(client, server, 40000, 7777, RST, 900_000_000),                   # 5, 16
            tcp(server, client, 7777, 40000, RST | ACK, 800_000_000, 1006),       # 6, 17
            tcp(client, server, 40000, 7777, SYN, 70_000),                        # 7, 18
            tcp(server, client, 7777, 40000, PSH | ACK, 5001, 1006, b'alive'),    # 8, 19
            tcp(client, server, 40000, 7777, SYN | FIN, 1006, 5006),              # 9, 20
            tcp(client, server, 40000, 7777, RST, 1006),                          # 10, 21
        ]
    write('tcp-reset', map(ethernet, frames))


def midstream_case():
    frames = []
    for client, server in FAMILIES:
        frames += [
            tcp(client, server, 40000, 7777, PSH | ACK, 1001, 5001, b'more'),     # 0, 4
            tcp(server, client, 7777, 40000, PSH | ACK, 5001, 1005, b'of the same'),
            tcp(client, server, 40000, 7777, ACK, 1005, 5012),
            tcp(client, server, 50000, 7777, RST, 1),                             # 3, 7: of no flow
        ]
    write('midstream', map(ethernet, frames))


def reject_case():
    frames = []
    for client, server in FAMILIES:
        frames += conversation(client, server, 8080, b'')[:1]                     # 0, 8
        frames.append(udp(client, server, 40000, 5000, b'anybody there'))         # 1, 9
        frames.append(tcp(client, server, 40001, 8080, RST, 1))                   # 2, 10
        frames += conversation(client, server, 8081, b'')[:1]                     # 3, 11
        request = b'GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n'
        frames += conversation(client, server, 80, request)[:4]                   # 4..7, 12..15
    write('reject', map(ethernet, frames))


def rules_case():
    frames = []
    for client, server in FAMILIES:
        def of_client(port, seq, payload, ack=5001):
            return tcp(client, server, 40000, port, PSH | ACK, seq, ack, payload)

        def of_server(port, seq, payload, ack):
            return tcp(server, client, port, 40000, PSH | ACK, seq, ack, payload)
        frames += conversation(client, server, 80, b'GET /secr')[:4]              # 0..3, 19..22
        frames += [
            of_client(80, 1010, b'et HTTP/1.1\r\nHost: www.example.org\r\n\r\n'),  # 4, 23
            of_server(80, 5001, b'HTTP/1.1 200 OK\r\n\r\n', 1050),                # 5, 24
        ]
        frames += conversation(client, server, 8080, b'a bad word')[:4]           # 6..9, 25..28
        frames.append(of_server(8080, 5001, b'what?', 1001))                      # 10, 29
        frames += conversation(client, server, 7777, b'hello')[:4]                # 11..14, 30..33
        frames += [
            of_client(7777, 1001, b'HELLO'),                                      # 15, 34
            of_server(7777, 5008, b'in two', 1006),                               # 16, 35
            of_server(7777, 5001, b'is cut ', 1006),                              # 17, 36
            tcp(client, server, 40000, 7777, ACK, 1006, 5014),                    # 18, 37
        ]
    write('rules', map(ethernet, frames))


def guess_case():
    junk = b'\x81\x02\x03\x04zzzz'
    write('guess', [ethernet(udp(client, server, 40000, 53, junk))
                    for client, server in FAMILIES for _ in range(30)])


def link_type_case():
    def query(client, server):
        name = b'\3www\7example\3org\0'
        return udp(client, server, 40000, 53,
                   struct.pack('>HHHHHH', 7, 0x0100, 1, 0, 0, 0) + name + b'\0\1\0\1')
    datagrams = [query(client, server) for client, server in FAMILIES]
    write('link-types', datagrams, 'raw.pcap', RAW)
    cooked = [struct.pack('>HHH6sxxH', 0, 1, 6, MACS[6:], 0x0800 if d[0] >> 4 == 4 else 0x86dd) + d
              for d in datagrams]
    write('link-types', cooked, 'cooked.pcap', LINUX_COOKED)
    loopback = [struct.pack('<I', 2 if d[0] >> 4 == 4 else 10) + d for d in datagrams]
    write('link-types', loopback, 'loopback.pcap', NULL)
    # An Infiniband capture: what Sluice cannot read, it refuses by name.
    write('link-types', datagrams, 'infiniband.pcap', 247)


if __name__ == '__main__':
    for make in (fragment_case, vlan_case, reset_case, midstream_case, reject_case, rules_case,
                 guess_case, link_type_case):
        make()

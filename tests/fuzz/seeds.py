#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Makes the fuzz targets' seed corpora from what the repository has.

  tests/fuzz/seeds.py FOLDER      writes FOLDER/<target>/*

parse: frames of the sample capture behind a byte of options, and cuts of them;
http_stream: both sides of a connection; config: the example files; rule: the
sample's rules and one for each subject of the language;
fragments: whole, reversed, overlapping and missing pieces; stream: decisions of
chance, a few of each kind of plan.
"""
import gzip
import os
import random
import struct
import sys
import zlib

import protocol_seeds

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')


def frames(path):
    with open(path, 'rb') as f:
        data = f.read()
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + 'I', data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def transport(frame):
    """(protocol, source port, destination port, payload), or None."""
    kind = frame[12:14]
    if kind == b'\x08\x00':
        proto, at = frame[23], 14 + (frame[14] & 15) * 4
        end = 14 + struct.unpack_from('>H', frame, 16)[0]
    elif kind == b'\x86\xdd':
        proto, at = frame[20], 54
        end = 54 + struct.unpack_from('>H', frame, 18)[0]
    else:
        return None
    if proto not in (6, 17):
        return proto, 0, 0, frame[at:end]
    source, destination = struct.unpack_from('>HH', frame, at)
    header = 8 if proto == 17 else (frame[at + 12] >> 4) * 4
    return proto, source, destination, frame[at + header:end]


class Corpus:
    def __init__(self, folder, target):
        self.folder = os.path.join(folder, target)
        os.makedirs(self.folder, exist_ok=True)
        self.count = 0

    def add(self, data):
        with open(os.path.join(self.folder, '%03d' % self.count), 'wb') as f:
            f.write(data)
        self.count += 1


def record(datagram, offset, length, more=True, ipv6=False, odd=False, pause=0):
    choice = datagram | ipv6 << 4 | odd << 5 | more << 6
    size = length // 8 if length % 8 == 0 else 0x80 | length
    return bytes((choice, offset // 8 >> 8, offset // 8 & 255, size, pause))


def fragment_seeds(corpus):
    for family in (False, True):
        def piece(offset, length, more=True, **options):
            return record(1, offset, length, more, ipv6=family, **options)
        whole = [piece(0, 800), piece(800, 800), piece(1600, 100, False)]
        corpus.add(b''.join(whole))
        corpus.add(b''.join(reversed(whole)))
        corpus.add(b''.join([piece(0, 800, odd=True)] + whole[1:]))
        corpus.add(b''.join([whole[0], piece(792, 800), whole[2]]))
        corpus.add(b''.join([whole[0], piece(800, 800, pause=255), whole[2]]))
        corpus.add(b''.join([whole[0]] * 2))
        corpus.add(b''.join(piece(i * 8, 8) for i in range(9)))
        corpus.add(b''.join(record(i, 0, 8, ipv6=family) for i in range(16)))
        corpus.add(b''.join([piece(i * 1016, 1016) for i in range(7)] + [piece(7112, 99, False)]))


RULES = [
    r'alert udp [10.0.0.0/8,!10.1.0.0/16] 1024: <> $EXTERNAL_NET [53,!5353] (msg:"a \"b\"\;"; sid:1; rev:2; gid:1;)',
    r'drop http any any -> any any (content:"|3a 20|x"; http_header; nocase; content:!"y"; distance:-1; within:9; '
    r'http_header; pcre:"/^a[^\/]+b$/smiHR"; urilen:1<>9,raw; sid:2;)',
    r'alert tcp any any -> any any (flow:established,to_client; file_data; content:"abc"; fast_pattern:1,2; '
    r'isdataat:!9,relative; pkt_data; content:"d"; depth:4; offset:1; sid:3;)',
    r'alert tcp-pkt any any -> any any (content:"a"; startswith; endswith; dsize:<9; flags:S+,12; ttl:>1; window:!3; '
    r'seq:0; ack:1; id:2; fragbits:!MD; ipopts:rr; ip_proto:!6; sameip; sid:4;)',
    r'pass icmp any any -> any any (itype:8; icode:0; icmp_id:1; icmp_seq:2; ipv4.hdr; content:"|08|"; sid:5;)',
    r'alert ip any any -> any any (byte_extract:2,0,n,little,multiplier 2; byte_test:4,!&,0x80,n,relative,string,hex; '
    r'byte_jump:2,0,align,post_offset -1; byte_math:bytes 1,offset 0,oper <<,rvalue n,result m; content:"a"; offset:m; sid:6;)',
    r'alert tls any any -> any any (tls.sni; dotprefix; to_lowercase; content:".example"; endswith; bsize:>3; '
    r'ssl_version:!tls1.2; ssl_state:client_hello; tls.subject:"CN=x"; sid:7;)',
    r'reject dns any any -> any any (dns.query; content:"a"; flowbits:isset,a|b; flowbits:noalert; flowint:n,+,1; '
    r'xbits:set,b,track ip_src,expire 9; threshold:type limit,track by_src,count 1,seconds 60; sid:8;)',
    r'alert ip any any -> any any (app-layer-protocol:!http; detection_filter:track by_dst,count 2,seconds 3; '
    r'stream_size:both,>,1; sluice.group; content:"staff"; classtype:misc-attack; reference:url,a; metadata:a b; target:src_ip; sid:9;)',
]


def said(reply, data, lost=False):
    return struct.pack('>H', reply << 15 | lost << 14 | len(data)) + data


HTTP_TALKS = (
    (b'POST /a/%2e%2e//b%u002f?q HTTP/1.1\r\nHost: h:80\r\nX: 1\r\n 2\r\nx: 3\r\nCookie: c\r\n'
     b'Transfer-Encoding: chunked\r\n\r\n3;e\r\nabc\r\n0\r\nT: t\r\n\r\n',
     b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a\r\nContent-Length: 3\r\n\r\nabc'),
    (b'HEAD / HTTP/1.1\r\n\r\nGET /\r\nHost: h\r\n\r\nGET http://u@h/ HTTP/1.0\n\n',
     b'HTTP/1.1 304 x\rContent-Length: 9\n\r\n\rHTTP/1.0 204 y\r\nContent-Length: 2 3\r\n\r\nabc'),
    (b'CONNECT h:443 HTTP/1.1\r\n\r\n\x16\x03', b'HTTP/1.1 200 OK\r\n\r\n\x16\x03'),
    (b'GET /u HTTP/1.1\r\nUpgrade: x\r\n\r\n', b'HTTP/1.1 101 x\r\n\r\nanything'),
    (b'GET / HTTP/1.1\r\n\r\n',
     b'stray\r\nHTTP/1.1 200 OK\r\nContent-Encoding: gzip, deflate\r\n\r\n' +
     zlib.compress(gzip.compress(b'text and text and text ' * 40, mtime=0))),
    (b'GET / HTTP/1.1\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n'
     b'Transfer-Encoding\r\n : chunked\r\n\r\n4\r\n\x4b\x4c\x4a\x06\r\n1\r\n\0\r\n0\r\n\r\n'),
)


def http_stream_seeds(corpus, conversations):
    for choice in (0, 0x21, 0x42, 0x6c, 0x90):
        for request, response in HTTP_TALKS:
            corpus.add(bytes([choice]) + said(False, request) + said(True, response))
    request, response = HTTP_TALKS[0]
    corpus.add(b'\0' + said(False, request) + said(True, response[:-2]) + said(True, b'x', True))
    for records in conversations:
        corpus.add(b'\0' + b''.join(records)[:8000])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    sample = list(frames(os.path.join(ROOT, 'app', 'sample', 'office.pcap')))
    parse = Corpus(out, 'parse')
    seen, conversations = set(), {}
    for frame in sample:
        found = transport(frame)
        # One of each kind is enough to begin with.
        kind = (frame[12:14], found and (found[0], min(found[1:3]), len(found[3]) > 0))
        if kind not in seen:
            seen.add(kind)
            for options in (0, 7):
                parse.add(bytes([options]) + frame)
            tagged = frame[:12] + b'\x81\x00\x00\x0a' + frame[12:]
            parse.add(b'\x04' + tagged)
            parse.add(b'\x00' + tagged[:12] + b'\x88\xa8\x00\x14' + tagged[12:])
            parse.add(b'\x00' + frame[:len(frame) // 2])
        if found and found[3]:
            proto, source, destination, payload = found
            if proto == 6 and destination == 80:
                conversations.setdefault(source, []).append(said(False, payload))
            elif proto == 6 and source == 80:
                conversations.setdefault(destination, []).append(said(True, payload))
    for frame in (frame for frame in sample if frame[12:14] == b'\x08\x00'):
        quoting = bytearray(frame[:34]) + b'\x03\x03\x00\x00\x00\x00\x00\x00' + frame[14:42]
        struct.pack_into('>H', quoting, 16, len(quoting) - 14)
        quoting[23] = 1
        parse.add(b'\x00' + bytes(quoting))
        break

    config = Corpus(out, 'config')
    examples = os.path.join(ROOT, 'config', 'examples')
    for name in sorted(os.listdir(examples)):
        with open(os.path.join(examples, name), 'rb') as f:
            config.add(f.read() + b'lane[0].lcore=3')
    language = Corpus(out, 'rule')
    with open(os.path.join(ROOT, 'app', 'sample', 'office.rules'), 'rb') as f:
        language.add(f.read())
    for rule in RULES:
        language.add(rule.encode() + b'\n')
    language.add('\n'.join(RULES).encode())
    fragment_seeds(Corpus(out, 'fragments'))
    http_stream_seeds(Corpus(out, 'http_stream'), conversations.values())
    protocol_seeds.write(lambda target: Corpus(out, target),
                         [found for found in map(transport, sample) if found and found[3]])
    tunnels = Corpus(out, 'tunnel')
    inner = next(frame for frame in sample if frame[12:14] == b'\x08\x00')[14:]
    inner6 = next(frame for frame in sample if frame[12:14] == b'\x86\xdd')[14:]
    ethernet = bytes(12) + b'\x08\x00' + inner
    for seed in (b'\x00' + inner, b'\x01' + inner6, b'\x02\x00\x00\x08\x00' + inner,
                 b'\x02\xb0\x00\x86\xdd' + bytes(12) + inner6,
                 b'\x02\x00\x00\x65\x58' + ethernet,
                 b'\x02\x10\x00\x88\xbe' + bytes(12) + ethernet,
                 b'\x02\x00\x00\x88\x0b\x21' + inner,
                 b'\x03\x08' + bytes(6) + b'\x00' + ethernet,
                 b'\x06\x00\x06\x01\x01' + bytes(20) + inner):
        tunnels.add(seed)
    streams, chance = Corpus(out, 'stream'), random.Random(1)
    for how in range(0, 128, 3):
        streams.add(bytes([how]) + chance.randbytes(1500))


if __name__ == '__main__':
    main()

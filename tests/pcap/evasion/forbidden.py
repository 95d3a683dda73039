# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The rules of the suite, and what each forbids a receiver to read."""
import re
import urllib.parse
import zlib
from typing import Callable, NamedTuple

from conversation import CLIENT, SERVER

WORD = b'forbidden'
LONG = bytes(33 + i * 37 % 90 for i in range(80)).replace(b';', b'.').replace(b'"', b'.') \
    .replace(b'\\', b'.').replace(b':', b'.').replace(b'|', b'.')


class Rule(NamedTuple):
    port: int
    side: int                       # whose bytes it reads
    text: str                       # options
    reads: Callable[[bytes], bool]  # whether a stream (of UDP a datagram) has what it forbids
    proto: str = 'tcp'


def messages(stream):
    """(first line, body) of each HTTP message whose head is complete; bodies as far as they are there."""
    while True:
        stream = stream.lstrip(b'\r\n')
        head, end, rest = stream.partition(b'\r\n\r\n')
        if not end:
            return
        lines = head.split(b'\r\n')
        fields = {n.strip().lower(): v.strip() for n, _, v in (f.partition(b':') for f in lines[1:])}
        if fields.get(b'transfer-encoding') == b'chunked':
            body, stream = chunks(rest)
        else:
            length = int(fields.get(b'content-length', b'0'))
            body, stream = rest[:length], rest[length:]
        if fields.get(b'content-encoding') == b'gzip':
            body = unzip(body)
        yield lines[0], body


def chunks(rest):
    body = b''
    while True:
        line, end, rest = rest.partition(b'\r\n')
        if not end:
            return body, b''
        size = int(line.split(b';')[0], 16)
        body += rest[:size]
        rest = rest[size + 2:]
        if size == 0 or not rest:
            return body, rest


def unzip(body):
    out, reader = b'', zlib.decompressobj(31)
    try:
        for i in range(len(body)):
            out += reader.decompress(body[i:i + 1])
    except zlib.error:
        pass
    return out


def path(line):
    parts = line.split(b' ')
    return urllib.parse.unquote_to_bytes(parts[1]) if len(parts) == 3 else b''


def uri(stream):
    return any(b'/' + WORD in path(line) for line, _ in messages(stream))


def body(stream):
    return any(WORD in data for _, data in messages(stream))


def pattern(expression):
    compiled = re.compile(expression, re.DOTALL)
    return lambda stream: compiled.search(stream) is not None


def hexadecimal(data):
    return '|' + data.hex(' ') + '|'


TO_SERVER, TO_CLIENT = 'flow:established,to_server; ', 'flow:established,to_client; '
RULES = {
    1: Rule(7001, CLIENT, TO_SERVER + 'content:"forbidden";', pattern(WORD)),
    2: Rule(7002, SERVER, TO_CLIENT + 'content:"forbidden";', pattern(WORD)),
    3: Rule(7003, CLIENT, TO_SERVER + r'pcre:"/f[a-z]rb[^x]{2}d+en(?=\x20)/";',
            pattern(rb'f[a-z]rb[^x]{2}d+en(?= )')),
    4: Rule(7004, CLIENT, TO_SERVER + 'content:"this"; content:"forbidden"; distance:2; within:12;',
            pattern(rb'this.{2,5}forbidden')),
    5: Rule(7005, CLIENT, TO_SERVER + 'content:"%s";' % hexadecimal(LONG), pattern(re.escape(LONG))),
    6: Rule(7006, CLIENT, TO_SERVER + 'content:"this is"; startswith; content:"here"; distance:3000;',
            pattern(rb'\Athis is.{3000,}here')),
    7: Rule(7007, CLIENT, TO_SERVER + 'content:"FORBIDDEN"; nocase; offset:8; depth:9;',
            pattern(rb'\A.{8}(?i:forbidden)')),
    11: Rule(8011, CLIENT, TO_SERVER + 'http.uri; content:"/forbidden";', uri, 'http'),
    12: Rule(8012, CLIENT, TO_SERVER + 'http.request_body; content:"forbidden";', body, 'http'),
    13: Rule(8013, SERVER, TO_CLIENT + 'file.data; content:"forbidden";', body, 'http'),
    21: Rule(9021, CLIENT, 'content:"forbidden";', pattern(WORD), 'udp'),
}


def text():
    return ''.join('alert %s any %s -> any %s (msg:"%d"; %s sid:%d;)\n' %
                   (r.proto, *(('any', r.port) if r.side == CLIENT else (r.port, 'any')), sid, r.text, sid)
                   for sid, r in RULES.items())

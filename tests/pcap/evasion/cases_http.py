# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Requests and responses: the word in the buffer that a rule asks, cut up, spelt and coded otherwise."""
import itertools
import zlib

from case import ALERT, EITHER, SILENT, Case, cuts, evenly, script, sending
from conversation import CLIENT, SERVER
from forbidden import WORD

HOST = b'Host: www.example.org\r\n'
GET = b'GET /forbidden HTTP/1.1\r\n' + HOST + b'\r\n'
GOOD = b'GET /harmless! HTTP/1.1\r\n' + HOST + b'\r\n'
URI, BODY, FILE = 11, 12, 13


def post(body, *fields):
    return b'POST /form HTTP/1.1\r\n' + HOST + sized(body, fields)


def response(body, *fields):
    return b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n' + sized(body, fields)


def sized(body, fields):
    if not any(f.startswith(b'Transfer') for f in fields):
        fields += (b'Content-Length: %d' % len(body),)
    return b''.join(f + b'\r\n' for f in fields) + b'\r\n' + body


def chunked(*parts):
    return b''.join(b'%x\r\n%s\r\n' % (len(p), p) for p in (*parts, b''))


def gzip(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


CHUNKED = b'Transfer-Encoding: chunked'
TEXT = b'what is forbidden here is not seen'
ONES = [bytes((b,)) for b in TEXT]


def answering(response_bytes, parts, request=GOOD, acknowledged=False):
    def build(c):
        c.open()
        c.client(0, request)
        c.acknowledge(CLIENT, len(request))
        for start, end in parts:
            c.server(start, response_bytes[start:end])
            if acknowledged:
                c.acknowledge(SERVER, end)
        c.acknowledge(SERVER, len(response_bytes))
    return build


def uris():
    for parts in cuts(len(GET), 2):
        at = parts[1][0]
        yield Case('request cut at %d' % at, URI, ALERT, sending(CLIENT, GET, parts))
        yield Case('request cut at %d, second half first' % at, URI, ALERT,
                   sending(CLIENT, GET, parts[::-1]))
    for parts in list(cuts(len(GET), 3))[::9]:
        yield Case('request cut at %s' % [s for s, _ in parts[1:]], URI, ALERT, sending(CLIENT, GET, parts))
    for count in (3, 4, 5):
        for order in itertools.permutations(evenly(len(GET), count)):
            yield Case('request in order %s' % (order,), URI, ALERT, sending(CLIENT, GET, list(order)))
    ones = evenly(len(GET), len(GET))
    yield Case('request in single bytes', URI, ALERT, sending(CLIENT, GET, ones, acknowledged=True))
    yield Case('request in single bytes, every second first', URI, ALERT,
               sending(CLIENT, GET, ones[:27][1::2] + ones[:27][::2] + ones[27:]))
    spelt = b'GET /%66orb%69dden HTTP/1.1\r\n' + HOST + b'\r\n'
    for parts in cuts(28, 2):
        at = parts[1][0]
        yield Case('spelt with %%, cut at %d' % at, URI, ALERT,
                   sending(CLIENT, spelt, [(0, at), (at, len(spelt))]))
    for lead in (GOOD, GOOD * 3, post(TEXT), post(chunked(*ONES), CHUNKED), b'\r\n'):
        yield Case('request behind %r' % lead[:20], URI, ALERT, script((0, lead), (len(lead), GET)))
        yield Case('request in one segment with %r' % lead[:20], URI, ALERT, script((0, lead + GET)))
    head, tail, size = (0, GET[:5]), (14, GET[14:]), len(GET)
    bad, good = (5, GET[5:14]), (5, GOOD[5:14])
    for order in itertools.permutations((head, bad, good, tail)):
        expect = ALERT if order.index(bad) < order.index(good) else EITHER
        yield Case('two URIs, in order %s' % [p[1][:9].decode() for p in order], URI, expect,
                   script(*order, size), False)


def bodies():
    plain = post(TEXT)
    start = len(plain) - len(TEXT)
    for at in range(start - 3, len(plain)):
        yield Case('body cut at %d' % at, BODY, ALERT,
                   sending(CLIENT, plain, [(0, at), (at, len(plain))], acknowledged=True))
        yield Case('body cut at %d, second half first' % at, BODY, ALERT,
                   sending(CLIENT, plain, [(at, len(plain)), (0, at)]))
    for at in range(1, len(TEXT)):
        for rule, message in ((BODY, post(chunked(TEXT[:at], TEXT[at:]), CHUNKED)),
                              (FILE, response(chunked(TEXT[:at], TEXT[at:]), CHUNKED))):
            whole = [(0, len(message))]
            yield Case('chunks cut at %d' % at, rule, ALERT,
                       sending(CLIENT, message, whole) if rule == BODY else answering(message, whole))
    single = post(chunked(*ONES), CHUNKED)
    yield Case('chunks of one, in single bytes', BODY, ALERT,
               sending(CLIENT, single, evenly(len(single), len(single)), acknowledged=True))
    yield Case('chunks of one, extensions', BODY, ALERT,
               script((0, post(b''.join(b'1;a=b\r\n%s\r\n' % p for p in ONES) + b'0\r\n\r\n', CHUNKED))))


def files():
    plain = response(TEXT)
    start = len(plain) - len(TEXT)
    for at in range(start - 3, len(plain)):
        yield Case('response cut at %d' % at, FILE, ALERT,
                   answering(plain, [(0, at), (at, len(plain))], acknowledged=True))
        yield Case('response cut at %d, second half first' % at, FILE, ALERT,
                   answering(plain, [(at, len(plain)), (0, at)]))
    for order in itertools.permutations(evenly(len(plain), 4)):
        yield Case('response in order %s' % (order,), FILE, ALERT, answering(plain, list(order)))
    packed = response(gzip(TEXT * 3), b'Content-Encoding: gzip')
    for at in range(packed.index(b'\r\n\r\n') + 4, len(packed)):
        yield Case('gzip cut at %d' % at, FILE, ALERT,
                   answering(packed, [(0, at), (at, len(packed))]))
    both = response(chunked(*[gzip(TEXT)[i:i + 3] for i in range(0, len(gzip(TEXT)), 3)]),
                    CHUNKED, b'Content-Encoding: gzip')
    yield Case('gzip in chunks of 3, in single bytes', FILE, ALERT,
               answering(both, evenly(len(both), len(both)), acknowledged=True))
    size = len(plain)
    clean = plain.replace(WORD, b'harmless!')
    at = plain.index(WORD)
    for first, second in ((plain, clean), (clean, plain)):
        yield Case('another body first' if first is clean else 'another body behind', FILE,
                   EITHER if first is clean else ALERT,
                   both_answers(first, second, at, size), False)


def both_answers(first, second, at, size):
    def build(c):
        c.open()
        c.client(0, GOOD)
        c.acknowledge(CLIENT, len(GOOD))
        c.server(at, first[at:])
        c.server(0, first[:at])
        c.server(at, second[at:])
        c.acknowledge(SERVER, size)
    return build


def silent():
    """The word is there, but not where the rule asks for it."""
    for name, request, rule in (
            ('in a header', GOOD[:-2] + b'X-Note: /forbidden\r\n\r\n', URI),
            ('in a body', post(b'/forbidden'), URI),
            ('in the URI', b'POST /forbidden HTTP/1.1\r\n' + HOST + b'Content-Length: 4\r\n\r\nnone', BODY),
            ('behind the body', post(b'none') + b'forbidden\r\n\r\n', BODY),
            ('in two bodies', post(b'forb') + post(b'idden'), BODY),
            ('in two URIs', GET.replace(b'/forbidden', b'/forb') + GET.replace(b'/forbidden', b'idden'), URI),
            ('in the chunks\' extensions', post(b'4;forbidden\r\nnone\r\n0\r\n\r\n', CHUNKED), BODY)):
        for parts in cuts(len(request), 2):
            if parts[1][0] % 16 == 5:
                yield Case('word %s, cut at %d' % (name, parts[1][0]), rule, SILENT,
                           sending(CLIENT, request, parts))
    for name, message in (('in a header', response(b'none', b'X-Note: forbidden')),
                          ('in two bodies', response(b'forb') + response(b'idden'))):
        yield Case('response, word %s' % name, FILE, SILENT,
                   answering(message, [(0, len(message))], GOOD * 2))
    quiet = response(b'none')
    yield Case('word in the body of a request, not of the response', FILE, SILENT,
               answering(quiet, [(0, len(quiet))], post(TEXT)))
    echo = response(b'GET /forbidden HTTP/1.1')
    yield Case('word in the response, not in the request', URI, SILENT, answering(echo, [(0, len(echo))]))


def cases():
    for part in (uris, bodies, files, silent):
        yield from part()

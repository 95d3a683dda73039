# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Seeds of the targets tls_stream, tls_certificate, dns_message, ssh and quic.

What the sample capture has of them, and what it lacks: messages in records of
a few bytes, a HelloRetryRequest, compressed names, packets in several pieces.
"""
import base64
import struct


def said(reply, data):
    """Words of one side: direction and size in two bytes."""
    return struct.pack('>H', reply << 15 | len(data)) + data


def record(kind, fragment):
    return struct.pack('>BHH', kind, 0x303, len(fragment)) + fragment


def message(kind, body):
    return struct.pack('>I', kind << 24 | len(body)) + body


def block16(data):
    return struct.pack('>H', len(data)) + data


def extension(kind, data):
    return struct.pack('>H', kind) + block16(data)


NAME = extension(0, block16(b'\0' + block16(b'www.example.com')))
ALPN = extension(16, block16(b'\x02h2\x08http/1.1'))
EXTENSIONS = NAME + ALPN + extension(10, block16(b'\x0a\x0a\0\x1d\0\x17')) + extension(11, b'\1\0') + \
    extension(13, block16(b'\4\3\x08\4')) + extension(43, b'\6\x1a\x1a\3\4\3\3')
CLIENT_HELLO = message(1, b'\3\3' + b'r' * 32 + b'\0' + block16(b'\x2a\x2a\x13\1\xc0\x2f') + b'\1\0' +
                       block16(EXTENSIONS))
SERVER_HELLO = b'\3\3' + b's' * 32 + b'\0\xc0\x2f\0'
RETRY = bytes.fromhex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c')
SSL2_HELLO = b'\x80\x1f\1\3\1\0\6\0\0\0\x10\0\0\x2f\1\0\x80' + b'c' * 16

# Self-signed, Ed25519: CN=a.example, O=Example, with alternative names.
CERTIFICATE = base64.b64decode(
    'MIIB8DCCAaKgAwIBAgIUKV9aK97VT0bXUn3SPZeiK/sGYVwwBQYDK2VwME8xCzAJBgNVBAYTAkRFMRAwDgYDVQQKDAdFeGFtcGxl'
    'MRIwEAYDVQQDDAlhLmV4YW1wbGUxGjAYBgkqhkiG9w0BCQEWC3JAYS5leGFtcGxlMCAXDTI2MTEyMTEzMTIwOVoYDzIwNTEwNzEz'
    'MTMxMjA5WjBPMQswCQYDVQQGEwJERTEQMA4GA1UECgwHRXhhbXBsZTESMBAGA1UEAwwJYS5leGFtcGxlMRowGAYJKoZIhvcNAQkB'
    'FgtyQGEuZXhhbXBsZTAqMAUGAytlcAMhADoKn3SatLDcPHQTra+jNSk5lxZnG8i4sGfI9yaZLl33o4GNMIGKMB0GA1UdDgQWBBQ+'
    'vqsJy6dd8Wn8tP0E2S2SZ1k4vzAfBgNVHSMEGDAWgBQ+vqsJy6dd8Wn8tP0E2S2SZ1k4vzAPBgNVHRMBAf8EBTADAQH/MDcGA1Ud'
    'EQQwMC6CCWEuZXhhbXBsZYcECgAAAYcQIAENuAAAAAAAAAAAAAAAAYYJaHR0cDovL2EvMAUGAytlcANBALv9npusFjM1+XCquPip'
    'xNTZ+7kjB6eJYwgOJ9dYmd4BG6IPB4ff2ftJr7BFup2+Yik0nyj0Nfj8Xb694z47dQo=')


def tls_seeds(corpus, conversations):
    certificates = message(11, (lambda one: struct.pack('>I', len(one))[1:] + one)(
        struct.pack('>I', len(CERTIFICATE))[1:] + CERTIFICATE))
    done = message(14, b'')
    change = record(20, b'\1')
    answer = message(2, SERVER_HELLO + block16(extension(16, block16(b'\x02h2'))))
    talks = [
        [(0, record(22, CLIENT_HELLO)), (1, record(22, answer + certificates + message(12, b'k') + done)),
         (0, record(22, message(16, b'k')) + change), (1, change)],
        [(0, record(22, CLIENT_HELLO)), (1, record(22, answer) + change), (0, change)],
        [(0, record(22, CLIENT_HELLO)),
         (1, record(22, message(2, b'\3\3' + RETRY + b'\0\x13\1\0' + block16(extension(43, b'\3\4')))) + change),
         (0, change + record(23, b'early') + record(22, CLIENT_HELLO)),
         (1, record(22, message(2, SERVER_HELLO + block16(extension(43, b'\3\4') + extension(41, b'\0\0')))))],
        [(0, b''.join(record(22, CLIENT_HELLO[i:i + 5]) for i in range(0, len(CLIENT_HELLO), 5))),
         (1, record(21, b'\1\x70') + record(21, b'\2\x28'))],
        [(0, SSL2_HELLO), (1, record(22, answer))],
        [(0, SSL2_HELLO), (1, b'\x80\x0b\4\0\0\0\2\0\0\0\0\0\0')],
        [(0, record(22, message(1, b'x' * 100)[:50])), (0, record(24, b'\1\0\1x'))],
    ]
    for talk in talks:
        for choice in (0, 3, 0x3f, 0x80):
            corpus.add(bytes([choice]) + b''.join(said(reply, words) for reply, words in talk))
    for words in conversations:
        corpus.add(b'\7' + b''.join(words)[:8000])


def dns_seeds(corpus, datagrams):
    def header(ident, flags, *counts):
        return struct.pack('>6H', ident, flags, *counts)
    question = b'\3www\7example\3com\0\0\1\0\1'
    records = b''.join(
        name + struct.pack('>HHI', kind, 1, 300) + block16(data) for name, kind, data in (
            (b'\xc0\x0c', 5, b'\1a\xc0\x10'), (b'\xc0\x0c', 1, b'abcd'), (b'\0', 28, b'a' * 16),
            (b'\1x\xc0\x10', 15, b'\0\x0a\xc0\x0c'), (b'\xc0\x0c', 16, b'\3txt\0'),
            (b'\xc0\x0c', 33, b'\0\1\0\2\0\3\xc0\x0c'), (b'\xc0\x0c', 6, b'\xc0\x0c\xc0\x10' + b'n' * 20)))
    query = header(7, 0x100, 1, 0, 0, 0) + question
    answer = header(7, 0x8180, 1, 7, 0, 0) + question + records
    behind = header(7, 0x8183, 1, 0, 7, 0) + question + records
    loop = header(7, 0x100, 1, 0, 0, 0) + b'\xc0\x0e\xc0\x0c\0\1\0\1'
    for choice in (0, 9, 0x80):
        corpus.add(bytes([choice]) + said(0, query) + said(1, answer) + said(1, behind))
        corpus.add(bytes([choice]) + said(0, block16(query) * 3) + said(1, block16(answer) + block16(behind)))
        corpus.add(bytes([choice]) + said(0, loop) + said(0, query * 2))
    for reply, datagram in datagrams:
        corpus.add(b'\0' + said(reply, datagram))


def quic_seeds(corpus):
    def crypto(offset, data):
        return b'\6' + struct.pack('>HH', 0x4000 | offset, 0x4000 | len(data)) + data
    hello = CLIENT_HELLO
    server = b'\2\0\0\0\0' + crypto(0, message(2, SERVER_HELLO + block16(extension(43, b'\3\4'))))
    retry = b'\xf0\0\0\0\1\0\x08retryidstoken' + b'i' * 16
    for version in range(4):
        sealed = bytes([1 | version << 1 | 8])
        corpus.add(b'\0' + said(0, sealed + crypto(0, hello)) + said(1, sealed + server))
    sealed = b'\1'
    corpus.add(b'\0' + said(0, sealed + crypto(100, hello[100:]) + b'\1') + said(0, sealed + crypto(0, hello[:100])))
    corpus.add(b'\0' + said(0, sealed + crypto(0, hello[:40])) + said(1, retry) + said(0, b'\x11' + crypto(0, hello)))
    corpus.add(b'\0' + said(0, sealed + b''.join(crypto(i, hello[i:i + 3]) for i in range(0, 120, 5))))
    corpus.add(b'\x80' + said(0, sealed + b'\3\1\1\1\1\1\1\1\1\1' + crypto(0, hello)) + said(1, b'@short'))
    corpus.add(b'\0' + said(0, b'\xc0\0\0\0\1\x08abcdefgh\0\0\x40\x20' + b'p' * 32))


def ssh_seeds(corpus, conversations):
    corpus.add(b'\0' + said(1, b'Welcome\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2\r\n') + said(0, b'SSH-2.0-PuTTY\r\nx'))
    corpus.add(b'\x83' + said(0, b'SSH-1.99-x') + said(1, b'SSH-2.0\n'))
    for words in conversations:
        corpus.add(b'\5' + b''.join(words)[:2000])


def write(corpus_of, payloads):
    """`payloads`: (protocol, source port, destination port, payload) of the sample capture."""
    streams, datagrams = {443: {}, 22: {}}, []
    for protocol, source, destination, payload in payloads:
        if protocol == 17 and 53 in (source, destination):
            datagrams.append((source == 53, payload))
        for port, talks in streams.items():
            if protocol == 6 and port in (source, destination):
                talks.setdefault(source + destination, []).append(said(source == port, payload))
    tls_seeds(corpus_of('tls_stream'), streams[443].values())
    ssh_seeds(corpus_of('ssh'), streams[22].values())
    dns_seeds(corpus_of('dns_message'), datagrams)
    quic_seeds(corpus_of('quic'))
    certificates = corpus_of('tls_certificate')
    certificates.add(CERTIFICATE)
    # The same in BER: an outer length without end.
    certificates.add(b'\x30\x80' + CERTIFICATE[4:] + b'\0\0')

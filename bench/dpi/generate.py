#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Web traffic for bench/dpi, for those who have no corpus of captures.

  generate.py OUT [--http]     writes OUT (pcap) and OUT.json; --http: no TLS

HTTP/1.1 with bodies as they are, chunked and compressed, forms, pictures; TLS as OpenSSL
speaks it (both ends in this process, a certificate made on the spot); a DNS query in front
of each connection. Needs openssl for the certificate. Keys are new each time, so TLS
connections differ from run to run, but not in their sizes.
"""
import gzip
import os
import random
import ssl
import struct
import subprocess
import sys
import tempfile

import capture
import prepare

MSS = 1448   # with the time stamps that most hosts send
AGENTS = ('Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0',
          'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 '
          'Safari/537.36', 'curl/7.88.1', 'Debian APT-HTTP/1.3 (2.6.1)')
WORDS = ('the of and to in is that for it as was with be by on not he his but at are this have '
         'from or had an they which one you were all her she there would their we him been has '
         'when who will no more if out so up said what its about than into them can only other '
         'time new some could these two may first then do any like my now over such our man '
         'function return var window document class div span href style script value name').split()


class Maker:
    def __init__(self):
        self.random = random.Random(20240101)
        self.clients = 0

    def text(self, size):
        r, out = self.random, []
        while sum(map(len, out)) < size:
            out.append(r.choice(WORDS) + r.choice((' ', ' ', ' ', '\n', '="', '">', '</div>\n', '; ')))
        return ''.join(out)[:size].encode()

    def page(self):
        return (b'<!DOCTYPE html><html><head><script src="/js/app.js"></script></head><body>\n' +
                self.text(self.random.randrange(2000, 30000)) + b'</body></html>\n')

    def path(self):
        r = self.random
        parts = '/'.join(r.choice(('assets', 'images', 'css', 'api', 'v2', 'news', 'p', 'static'))
                         for _ in range(r.randrange(1, 4)))
        name = r.choice(('index.html', 'logo.png', 'app.js', 'item.php', 'site.css', 'search'))
        query = r.choice(('', '', f'?id={r.randrange(10**6)}', f'?q={r.choice(WORDS)}&page=2&lang=en'))
        return f'/{parts}/{name}{query}'

    def exchange(self, host):
        """(request, response) of HTTP/1.1."""
        r = self.random
        form = r.random() < 0.15
        body = ('&'.join(f'{r.choice(WORDS)}={r.randrange(10**9)}' for _ in range(r.randrange(2, 40)))
                if form else '')
        head = [f'{"POST" if form else "GET"} {self.path()} HTTP/1.1', f'Host: {host}',
                f'User-Agent: {r.choice(AGENTS)}', 'Accept: */*', 'Accept-Encoding: gzip, deflate',
                'Accept-Language: en-US,en;q=0.5', f'Referer: http://{host}{self.path()}',
                f'Cookie: session={r.getrandbits(128):032x}; theme=dark', 'Connection: keep-alive']
        if form:
            head += ['Content-Type: application/x-www-form-urlencoded', f'Content-Length: {len(body)}']
        request = ('\r\n'.join(head) + '\r\n\r\n' + body).encode()
        return request, self.response()

    def response(self):
        r = self.random
        kind = r.random()
        head = ['HTTP/1.1 ' + ('200 OK' if kind < 0.9 else '304 Not Modified'), 'Server: nginx',
                'Date: Mon, 01 Jan 2024 10:00:00 GMT', 'Cache-Control: max-age=3600',
                f'ETag: "{r.getrandbits(64):016x}"']
        if kind >= 0.9:
            return ('\r\n'.join(head) + '\r\n\r\n').encode()
        if kind < 0.35:
            body, type_ = r.randbytes(r.randrange(1000, 40000)), 'image/png'
        else:
            body, type_ = self.page(), 'text/html'
        head.append(f'Content-Type: {type_}')
        if type_ == 'text/html' and r.random() < 0.6:
            body = gzip.compress(body, 6, mtime=0)
            head.append('Content-Encoding: gzip')
        if type_ == 'text/html' and r.random() < 0.4:
            head.append('Transfer-Encoding: chunked')
            chunks, at = b'', 0
            while at < len(body):
                piece = body[at:at + r.randrange(500, 8000)]
                chunks += b'%x\r\n%s\r\n' % (len(piece), piece)
                at += len(piece)
            body = chunks + b'0\r\n\r\n'
        else:
            head.append(f'Content-Length: {len(body)}')
        return ('\r\n'.join(head) + '\r\n\r\n').encode() + body

    def http(self, host):
        talk = []
        for _ in range(self.random.choice((1, 1, 2, 3, 6))):
            request, response = self.exchange(host)
            talk += [(True, request), (False, response)]
        return talk

    def tls(self, host, contexts):
        """The same inside TLS: [(from the client?, bytes)]."""
        client_context, server_context = contexts
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
        server = server_context.wrap_bio(to_server, to_client, server_side=True)
        talk = []

        def turn(end, outgoing, is_client, work):
            # What one end wrote, seen before the other reads it.
            try:
                work(end)
                done = True
            except ssl.SSLWantReadError:
                done = False
            wire = outgoing.read()
            if wire:
                talk.append((is_client, wire))
                outgoing.write(wire)
            return done

        ready = [False, False]
        while not all(ready):
            ready[0] = turn(client, to_server, True, lambda e: e.do_handshake()) or ready[0]
            ready[1] = turn(server, to_client, False, lambda e: e.do_handshake()) or ready[1]
        for is_client, data in self.http(host):
            sender, receiver, out = ((client, server, to_server) if is_client else
                                     (server, client, to_client))
            turn(sender, out, is_client, lambda e, data=data: e.write(data))
            left = len(data)
            while left > 0:
                left -= len(receiver.read(left))
        return talk

    def query(self, client, host):
        """A DNS query for the host, and the answer."""
        name = b''.join(bytes([len(p)]) + p.encode() for p in host.split('.')) + b'\0'
        number = self.random.randrange(65536)
        question = name + b'\0\1\0\1'
        ask = struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 0) + question
        answer = (struct.pack('>HHHHHH', number, 0x8180, 1, 1, 0, 0) + question +
                  b'\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4' + bytes([203, 0, 113, 7]))
        ends = (client, self.random.randrange(1024, 65000)), (bytes([9, 9, 9, 9]), 53)
        return [datagram(*ends, ask).frame(), datagram(*ends[::-1], answer).frame()]

    def connection(self, port, host, talk):
        """Frames of a query and a TCP connection with that talk."""
        self.clients += 1
        client = struct.pack('>I', 0x0a010000 + self.clients)
        frames = self.query(client, host)
        ends = ((client, self.random.randrange(32768, 61000)),
                (struct.pack('>I', 0xc6336400 + self.random.randrange(256)), port))
        seq = [self.random.getrandbits(32), self.random.getrandbits(32)]

        def send(who, flags, payload=b''):
            source, target = ends[who], ends[1 - who]
            frames.append(segment(source, target, seq[who], seq[1 - who], flags, payload).frame())
            seq[who] = (seq[who] + len(payload) + bool(flags & (capture.SYN | capture.FIN))) % (1 << 32)

        send(0, capture.SYN)
        send(1, capture.SYN | capture.ACK)
        send(0, capture.ACK)
        for from_client, data in talk:
            who = 0 if from_client else 1
            for n, at in enumerate(range(0, len(data), MSS)):
                last = at + MSS >= len(data)
                send(who, capture.ACK | (capture.PSH if last else 0), data[at:at + MSS])
                if n % 2:
                    send(1 - who, capture.ACK)
        send(0, capture.FIN | capture.ACK)
        send(1, capture.FIN | capture.ACK)
        send(0, capture.ACK)
        return frames


def segment(source, target, seq, ack, flags, payload):
    ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 0, 0, 0x4000, 64, capture.TCP, 0, source[0], target[0])
    l4 = struct.pack('>HHIIBBHHH', source[1], target[1], seq, ack if flags & capture.ACK else 0,
                     8 << 4, flags, 65000, 0, 0) + b'\1\1\x08\x0a\0\0\0\1\0\0\0\1'
    return capture.Packet(ip, source, target, l4, payload)


def datagram(source, target, payload):
    ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 0, 0, 0, 64, capture.UDP, 0, source[0], target[0])
    return capture.Packet(ip, source, target, struct.pack('>HHHH', source[1], target[1], 0, 0), payload)


def tls_contexts():
    """Of clients and servers: TLS 1.2, whose certificates can be read, and 1.3."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = os.path.join(folder, 'key'), os.path.join(folder, 'certificate')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30',
                        '-subj', '/O=Example/CN=www.example.com', '-keyout', key, '-out', certificate],
                       check=True, stderr=subprocess.DEVNULL)
        out = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            client.set_alpn_protocols(['http/1.1'])
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(certificate, key)
            for context in (client, server):
                context.minimum_version = context.maximum_version = version
            out.append((client, server))
        return out


def main():
    arguments = [a for a in sys.argv[1:] if a != '--http']
    if len(arguments) != 1:
        sys.exit(__doc__)
    only_http = '--http' in sys.argv
    maker, lists = Maker(), []
    contexts = [] if only_http else tls_contexts()
    for i in range(240):
        host = f'{maker.random.choice(("www", "cdn", "api"))}{i}.example.com'
        if only_http or i % 2:
            lists.append(maker.connection(80, host, maker.http(host)))
        else:
            lists.append(maker.connection(443, host, maker.tls(host, contexts[i // 2 % 2])))
    # Some end early and others begin late: a lap is three thirds of the connections.
    thirds = [prepare.together(lists[i::3]) for i in range(3)]
    prepare.write(arguments[0], [f for third in thirds for f in third], len(lists))


if __name__ == '__main__':
    main()

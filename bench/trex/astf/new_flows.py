# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Short connections: what a stateful device pays for new flows. The multiplier is
connections a second.

  -t kind=http     TCP: handshake, a GET, a short answer, the end; 9 or 10 packets
  -t kind=tcp      the same with bytes that nDPI cannot name
  -t kind=dns      UDP: a query and its answer
"""
import argparse
import struct

from trex.astf.api import (ASTFAssociationRule, ASTFIPGen, ASTFIPGenDist, ASTFIPGenGlobal,
                           ASTFProfile, ASTFProgram, ASTFTCPClientTemplate,
                           ASTFTCPServerTemplate, ASTFTemplate)

NAME = b''.join(bytes([len(label)]) + label for label in (b'www', b'example', b'com')) + b'\0'
QUESTION = NAME + struct.pack('!2H', 1, 1)
# kind: stream?, port, request, answer
KINDS = {
    'http': (True, 80, b'GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: bench\r\n\r\n',
             b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n'),
    'tcp': (True, 9000, b'x' * 64, b'y' * 64),
    'dns': (False, 53, struct.pack('!6H', 0x5353, 0x0100, 1, 0, 0, 0) + QUESTION,
            struct.pack('!6H', 0x5353, 0x8180, 1, 1, 0, 0) + QUESTION +
            b'\xc0\x0c' + struct.pack('!2HIH4B', 1, 1, 60, 4, 192, 0, 2, 1)),
}


def programs(stream, request, answer):
    client, server = ASTFProgram(stream=stream), ASTFProgram(stream=stream)
    if stream:
        client.send(request)
        client.recv(len(answer))
        server.recv(len(request))
        server.send(answer)
    else:
        client.send_msg(request)
        client.recv_msg(1)
        server.recv_msg(1)
        server.send_msg(answer)
    return client, server


class Profile:
    def get_profile(self, tunables=(), **others):
        parser = argparse.ArgumentParser()
        parser.add_argument('--kind', choices=sorted(KINDS), default='http')
        chosen = parser.parse_args(list(tunables or ()))
        kind = chosen.kind if tunables else others.get('kind', chosen.kind)
        stream, port, request, answer = KINDS[kind]
        client, server = programs(stream, request, answer)
        # 65 k clients: enough ports for a million connections a second in TIME_WAIT.
        addresses = ASTFIPGen(
            glob=ASTFIPGenGlobal(ip_offset='1.0.0.0'),
            dist_client=ASTFIPGenDist(ip_range=['16.0.0.1', '16.0.255.254'], distribution='seq'),
            dist_server=ASTFIPGenDist(ip_range=['48.0.0.1', '48.0.63.254'], distribution='seq'))
        template = ASTFTemplate(
            client_template=ASTFTCPClientTemplate(program=client, ip_gen=addresses, cps=1, port=port),
            server_template=ASTFTCPServerTemplate(program=server,
                                                  assoc=ASTFAssociationRule(port=port)))
        return ASTFProfile(default_ip_gen=addresses, templates=template)


def register():
    return Profile()

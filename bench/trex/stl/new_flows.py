# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Every packet opens a flow; only port 0 sends. The packet rate is the rate of new flows.

  -t kind=plain                64 bytes that nDPI cannot name
  -t kind=dns                  a DNS query to port 53, which it names at once
  -t size=64                   frame with FCS (plain; dns is 79 bytes)
"""
import struct

from trex_stl_lib.api import (Ether, IP, STLPktBuilder, STLStream, STLTXCont, STLVM, UDP)

from kit_streams import FCS, SERVER, options


def query(name):
    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
    header = struct.pack('!6H', 0x5353, 0x0100, 1, 0, 0, 0)   # recursion desired, one question
    return header + labels + b'\0' + struct.pack('!2H', 1, 1)  # A, IN


class Profile:
    def get_streams(self, direction=0, port_id=0, tunables=(), **others):
        chosen = options(tunables, others, size=64, kind='plain')
        if direction != 0:
            return []
        payload, port = (query('www.example.com'), 53) if chosen.kind == 'dns' else (b'', 8000)
        base = Ether() / IP(src='16.0.0.1', dst=str(SERVER)) / UDP(sport=1025, dport=port, chksum=0)
        room = max(0, chosen.size - FCS - len(base) - len(payload))
        # 2^24 addresses times 64 k ports: no tuple comes twice in a day.
        engine = STLVM()
        engine.tuple_var(name='client', ip_min='16.0.0.1', ip_max='16.255.255.254',
                         port_min=1025, port_max=65535)
        engine.write(fv_name='client.ip', pkt_offset='IP.src')
        engine.write(fv_name='client.port', pkt_offset='UDP.sport')
        engine.fix_chksum()
        filler = b'' if chosen.kind == 'dns' else b'x' * room
        packet = STLPktBuilder(pkt=base / (payload + filler), vm=engine)
        return [STLStream(packet=packet, mode=STLTXCont(pps=1))]


def register():
    return Profile()

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What the stateless profiles of this folder share: options and packets.

Clients 16.0.0.0/8 are behind port 0 (Sluice's lan side), servers 48.0.0.0/8
behind port 1. Both ports send the same flows, port 1 as their replies.
"""
import argparse
import ipaddress

from trex_stl_lib.api import (Ether, IP, STLPktBuilder, STLStream, STLTXCont, STLVM, UDP)

CLIENT = ipaddress.IPv4Address('16.0.0.1')
SERVER = ipaddress.IPv4Address('48.0.0.1')
CLIENT_PORT, SERVER_PORT = 20000, 8000
MOST_ADDRESSES = 4096        # more flows than that: ports of the same clients
FCS = 4


def options(tunables, others, **defaults):
    """The profile's tunables: --size 64 or size=64, as `-t` and load_py() pass them on.

    `others` are the key-value pairs of older versions, which do not pass a list.
    """
    parser = argparse.ArgumentParser()
    for name, default in defaults.items():
        parser.add_argument('--' + name, type=type(default), default=default)
    chosen = parser.parse_args(list(tunables or ()))
    for name in defaults:
        if not tunables and name in others:
            setattr(chosen, name, type(defaults[name])(others[name]))
    return chosen


def flows_as(flows):
    """How `flows` are made: addresses, ports of each; their product is what there is."""
    addresses = min(flows, MOST_ADDRESSES)
    ports = -(-flows // addresses)
    if CLIENT_PORT + ports > 65536:
        raise ValueError('at most %d flows' % (MOST_ADDRESSES * (65536 - CLIENT_PORT)))
    return addresses, ports


def udp_packet(direction, size, flows, payload=b''):
    """A UDP packet of `size` bytes with FCS that runs through `flows` clients' tuples."""
    client_first = direction == 0
    source, destination = (CLIENT, SERVER) if client_first else (SERVER, CLIENT)
    sport, dport = (CLIENT_PORT, SERVER_PORT) if client_first else (SERVER_PORT, CLIENT_PORT)
    # No UDP checksum: the field engine corrects IPv4's only.
    base = Ether() / IP(src=str(source), dst=str(destination)) / UDP(sport=sport, dport=dport, chksum=0)
    room = size - FCS - len(base) - len(payload)
    if room < 0:
        raise ValueError('%d bytes are too few' % size)
    engine = STLVM()
    if flows > 1:
        addresses, ports = flows_as(flows)
        engine.tuple_var(name='client', ip_min=str(CLIENT), ip_max=str(CLIENT + addresses - 1),
                         port_min=CLIENT_PORT, port_max=CLIENT_PORT + ports - 1)
        engine.write(fv_name='client.ip', pkt_offset='IP.src' if client_first else 'IP.dst')
        engine.write(fv_name='client.port', pkt_offset='UDP.sport' if client_first else 'UDP.dport')
        engine.fix_chksum()
    return STLPktBuilder(pkt=base / (payload + b'x' * room), vm=engine)


def stream(direction, size, flows, share=1):
    """One stream; `share` is its weight beside the others, the multiplier sets the rate."""
    return STLStream(packet=udp_packet(direction, size, flows), mode=STLTXCont(pps=share))

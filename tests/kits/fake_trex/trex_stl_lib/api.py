# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The part of TRex's stateless library that bench/trex uses, with its names and
arguments, in front of a device that forwards at most DEVICE['pps'] packets a second
over two lines of 10 Gbit/s. What is not here, TRex does not have, or the kit did not
use it so far: look into trex-core before adding it."""
import importlib
import os
import sys

DEVICE = {'pps': 10e6, 'generator_pps': 1e9}


class Layer:
    """Scapy as far as needed: layers, put together by `/`, bytes at the end."""
    length = 0

    def __init__(self, **fields):
        self.fields, self.parts = fields, [self]
        assert set(fields) <= self.known, fields

    def __truediv__(self, other):
        whole = Layer.__new__(Layer)
        whole.parts = self.parts + (other.parts if isinstance(other, Layer) else [other])
        return whole

    def __len__(self):
        return sum(p.length if isinstance(p, Layer) else len(p) for p in self.parts)

    def get(self, kind):
        return next(p.fields for p in self.parts if isinstance(p, kind))


class Ether(Layer):
    length, known = 14, {'src', 'dst'}


class IP(Layer):
    length, known = 20, {'src', 'dst', 'ttl'}


class UDP(Layer):
    length, known = 8, {'sport', 'dport', 'chksum'}


class STLVM:
    OFFSETS = {'IP.src', 'IP.dst', 'UDP.sport', 'UDP.dport'}

    def __init__(self):
        self.tuples, self.writes, self.fixed = {}, {}, False

    def tuple_var(self, name, ip_min, ip_max, port_min, port_max):
        assert 0 < port_min <= port_max <= 65535
        self.tuples[name] = (ip_min, ip_max, port_min, port_max)

    def write(self, fv_name, pkt_offset):
        assert fv_name.split('.')[0] in self.tuples and fv_name.split('.')[1] in ('ip', 'port')
        assert pkt_offset in self.OFFSETS
        self.writes[fv_name] = pkt_offset

    def fix_chksum(self):
        self.fixed = True


class STLPktBuilder:
    def __init__(self, pkt, vm=None):
        assert not vm.writes or vm.fixed, 'addresses change, the checksum does not'
        self.pkt, self.vm = pkt, vm


class STLTXCont:
    def __init__(self, pps=None, percentage=None):
        assert (pps is None) != (percentage is None)
        self.pps = pps


class STLFlowLatencyStats:
    def __init__(self, pg_id):
        self.pg_id = pg_id


class STLStream:
    def __init__(self, packet, mode, flow_stats=None):
        self.packet, self.mode, self.flow_stats = packet, mode, flow_stats
        # Time stamp and sequence number take 16 bytes of payload.
        assert flow_stats is None or len(packet.pkt) >= 14 + 20 + 8 + 16


class STLProfile:
    def __init__(self, streams):
        self.streams = streams

    def get_streams(self):
        return self.streams

    @staticmethod
    def load_py(python_file, direction=0, port_id=0, **kwargs):
        """As TRex does it: a list of options made of the pairs, and its rule for defaults."""
        kwargs['tunables'] = [word for key, value in list(kwargs.items())
                              for word in ('--' + key, str(value))]
        folder, name = os.path.dirname(python_file), os.path.basename(python_file)[:-3]
        sys.path.insert(0, folder)
        try:
            sys.modules.pop(name, None)
            module = importlib.import_module(name)
            function = module.register().get_streams
            defaults = function.__defaults__
            assert defaults is None or len(defaults) == function.__code__.co_argcount - 1
            return STLProfile(function(direction=direction, port_id=port_id, **kwargs))
        finally:
            sys.path.remove(folder)


class STLClient:
    def __init__(self, server='127.0.0.1'):
        self.ports = {0: [], 1: []}
        self.clear_stats()
        self.connected = False

    def connect(self):
        self.connected = True

    def disconnect(self):
        self.connected = False

    def reset(self, ports=None):
        assert self.connected
        for port in ports:
            self.ports[port] = []

    def add_streams(self, streams, ports=None):
        assert streams
        for port in ports:
            self.ports[port] += streams

    def clear_stats(self):
        self.stats = {port: {'opackets': 0, 'ipackets': 0} for port in (0, 1)}
        self.stats['global'] = {'queue_full': 0}

    def start(self, ports=None, mult='1', duration=-1):
        assert mult.endswith('%') and duration > 0
        rates = {}
        for port in ports:
            load = [s for s in self.ports[port] if s.flow_stats is None]
            total = sum(s.mode.pps for s in load)
            mean = sum((len(s.packet.pkt) + 24) * s.mode.pps for s in load) / total
            asked = 10e9 / (mean * 8) * float(mult[:-1]) / 100
            rates[port] = min(asked, DEVICE['generator_pps'])
            if rates[port] < asked:
                self.stats['global']['queue_full'] += 1000
        passed = min(1, DEVICE['pps'] / max(1, sum(rates.values())))
        for port, rate in rates.items():
            self.stats[port]['opackets'] += int(rate * duration)
            self.stats[1 - port]['ipackets'] += int(rate * duration * passed)

    def groups(self):
        return [s.flow_stats.pg_id for streams in self.ports.values() for s in streams if s.flow_stats]

    def get_active_pgids(self):
        return {'flow_stats': [], 'latency': self.groups()}

    def get_pgid_stats(self, pgid_list=()):
        histogram = {0: 900, 10: 95, 200: 5}
        latency = {'average': 8.0, 'total_max': 250, 'total_min': 4, 'jitter': 1, 'histogram': histogram}
        found = {group: {'latency': latency, 'err_cntrs': {'dropped': 0}} for group in pgid_list}
        found['global'] = {'old_flow': 0, 'bad_hdr': 0}
        return {'flow_stats': {}, 'latency': found}

    def wait_on_traffic(self, ports=None, timeout=None):
        assert ports

    def get_stats(self):
        return self.stats

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The part of TRex's stateful library that bench/trex uses, in front of a device that
opens at most DEVICE['cps'] connections a second."""
import importlib
import ipaddress
import os
import sys

DEVICE = {'cps': 100e3, 'seconds': 1}


class ASTFIPGenGlobal:
    def __init__(self, ip_offset='1.0.0.0'):
        ipaddress.ip_address(ip_offset)


class ASTFIPGenDist:
    def __init__(self, ip_range, distribution='seq'):
        low, high = map(ipaddress.ip_address, ip_range)
        assert low < high and distribution in ('seq', 'rand')
        self.ip_range = ip_range


class ASTFIPGen:
    def __init__(self, dist_client, dist_server, glob=None):
        self.client, self.server = dist_client, dist_server


class ASTFCapInfo:
    def __init__(self, file, cps=None, port=None):
        assert os.path.isabs(file) and cps > 0
        self.file, self.cps, self.port = file, cps, port


class ASTFProgram:
    def __init__(self, stream=True):
        self.stream, self.sent, self.expected = stream, b'', 0

    def send(self, buf):
        assert self.stream
        self.sent += buf

    def recv(self, bytes):
        assert self.stream
        self.expected += bytes

    def send_msg(self, buf):
        assert not self.stream
        self.sent += buf

    def recv_msg(self, pkts):
        assert not self.stream
        self.expected += pkts


class ASTFAssociationRule:
    def __init__(self, port=80):
        self.port = port


class ASTFTCPClientTemplate:
    def __init__(self, program, ip_gen, cps=1, port=80):
        self.program, self.cps, self.port = program, cps, port


class ASTFTCPServerTemplate:
    def __init__(self, program, assoc):
        self.program, self.assoc = program, assoc


class ASTFTemplate:
    def __init__(self, client_template, server_template):
        self.client, self.server = client_template, server_template


class ASTFProfile:
    def __init__(self, default_ip_gen, templates=None, cap_list=None):
        assert (templates is None) != (cap_list is None)
        self.addresses, self.templates, self.cap_list = default_ip_gen, templates, cap_list

    @staticmethod
    def load(python_file, **kwargs):
        kwargs['tunables'] = [word for key, value in list(kwargs.items())
                              for word in ('--' + key, str(value))]
        folder, name = os.path.dirname(python_file), os.path.basename(python_file)[:-3]
        sys.path.insert(0, folder)
        try:
            sys.modules.pop(name, None)
            return importlib.import_module(name).register().get_profile(**kwargs)
        finally:
            sys.path.remove(folder)


class ASTFClient:
    def __init__(self, server='127.0.0.1'):
        self.profile, self.running = None, None

    def connect(self):
        pass

    def disconnect(self):
        assert self.running is None

    def reset(self):
        pass

    def load_profile(self, profile, tunables={}):
        self.profile = ASTFProfile.load(profile, **tunables)

    def clear_stats(self):
        pass

    def start(self, mult=1, duration=-1, nc=False, latency_pps=0):
        rows = self.profile.cap_list or [self.profile.templates.client]
        self.running = mult * sum(row.cps for row in rows)

    def stop(self):
        self.running = None

    def get_stats(self):
        opened = self.running * DEVICE['seconds']
        refused = max(0, self.running - DEVICE['cps']) * DEVICE['seconds']
        client = {'tcps_connattempt': int(opened), 'tcps_connects': int(opened - refused)}
        if refused:                      # zeros are left out, as TRex does
            client['tcps_conndrops'] = int(refused)
        return {'traffic': {'client': client, 'server': {}},
                'total': {'opackets': int(9 * opened), 'ipackets': int(9 * opened), 'ibytes': 900 * int(opened)}}

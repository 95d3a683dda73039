#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""bench/trex: every file parses, every profile loads and makes the packets it says, and
both searches find what a model of the device can do.   trex_test.py ROOT"""
import ast
import contextlib
import glob
import importlib.util
import io
import os
import sys
import tempfile
import time
import unittest

ROOT = os.path.abspath(sys.argv[1])
KIT = os.path.join(ROOT, 'bench', 'trex')
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, 'tests', 'kits', 'fake_trex'))

from trex.astf import api as astf  # noqa: E402
from trex_stl_lib import api as stl  # noqa: E402


def program(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(KIT, name + '.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(path):
    with open(path) as f:
        return f.read().splitlines()


def streams(name, direction=0, **tunables):
    return stl.STLProfile.load_py(os.path.join(KIT, 'stl', name + '.py'), direction=direction,
                                  port_id=direction, **tunables).get_streams()


def sizes(found):
    return [len(s.packet.pkt) + 4 for s in found]


class Files(unittest.TestCase):
    def test_parse(self):
        found = glob.glob(os.path.join(KIT, '**', '*.py'), recursive=True)
        self.assertGreater(len(found), 7)
        for path in found:
            with self.subTest(path), open(path) as f:
                ast.parse(f.read(), path)

    def test_every_profile_registers(self):
        for path in glob.glob(os.path.join(KIT, '*', '*.py')):
            if os.path.basename(path) != 'kit_streams.py':
                with open(path) as f:
                    names = [node.name for node in ast.parse(f.read()).body
                             if isinstance(node, ast.FunctionDef)]
                self.assertIn('register', names, path)


class Stateless(unittest.TestCase):
    def test_sizes(self):
        for size in (64, 128, 256, 512, 1024, 1280, 1518):
            self.assertEqual(sizes(streams('udp', size=size)), [size])

    def test_both_directions_are_the_same_flows(self):
        for flows in (1, 1000, 1000000, 10000000):
            ahead, back = (streams('udp', direction, flows=flows)[0].packet for direction in (0, 1))
            self.assertEqual(ahead.pkt.get(stl.IP)['src'], back.pkt.get(stl.IP)['dst'])
            self.assertEqual(ahead.pkt.get(stl.UDP)['dport'], back.pkt.get(stl.UDP)['sport'])
            self.assertEqual(ahead.vm.tuples, back.vm.tuples)
            if flows > 1:
                self.assertEqual(ahead.vm.writes, {'client.ip': 'IP.src', 'client.port': 'UDP.sport'})
                self.assertEqual(back.vm.writes, {'client.ip': 'IP.dst', 'client.port': 'UDP.dport'})

    def test_number_of_flows(self):
        vm = streams('udp', flows=1000000)[0].packet.vm
        _, last, low, high = vm.tuples['client']
        self.assertEqual(last, '16.0.16.0')      # 4,096 addresses
        self.assertAlmostEqual(4096 * (high - low + 1), 1000000, delta=4096)

    def test_imix(self):
        found = streams('imix', flows=100)
        self.assertEqual(sizes(found), [64, 594, 1518])
        self.assertEqual([s.mode.pps for s in found], [7, 4, 1])

    def test_new_flows_only_from_the_clients(self):
        self.assertEqual(sizes(streams('new_flows')), [64])
        self.assertEqual(sizes(streams('new_flows', kind='dns')), [79])
        self.assertEqual(streams('new_flows', direction=1), [])

    def test_latency_has_a_group_for_each_direction(self):
        for direction in (0, 1):
            load, probe = streams('latency', direction, size=64, probes=500)
            self.assertEqual(probe.flow_stats.pg_id, 5 + direction)
            self.assertEqual(probe.mode.pps, 500)
            self.assertIsNone(load.flow_stats)

    def test_older_versions_pass_pairs_and_no_list(self):
        folder = os.path.join(KIT, 'stl')
        sys.path.insert(0, folder)
        import udp
        sys.path.remove(folder)
        self.assertEqual(sizes(udp.register().get_streams(direction=1, size='128', flows='10')), [128])


class Search(unittest.TestCase):
    def ndr(self, profile, *options, **device):
        stl.DEVICE.update({'pps': 10e6, 'generator_pps': 1e9}, **device)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            out = os.path.join(folder, 'out.csv')
            program('ndr').main([os.path.join(KIT, 'stl', profile), '--out', out, '--settle', '0',
                                 '--trial', '1', '--confirm', '2', *options])
            header, line = lines_of(out)
        return dict(zip(header.split(','), line.split(',')))

    def test_finds_the_device(self):
        found = self.ndr('udp.py', '-t', 'size=64,flows=1000')
        self.assertAlmostEqual(float(found['rate_percent']), 33.6, delta=0.4)
        self.assertAlmostEqual(float(found['received_mpps']), 10, delta=0.1)
        self.assertEqual((found['lost'], found['limit']), ('0', 'sluice'))

    def test_the_line_may_be_the_limit(self):
        self.assertEqual(self.ndr('udp.py', '-t', 'size=1518')['limit'], 'line')
        self.assertEqual(self.ndr('imix.py')['limit'], 'line')

    def test_or_the_generator(self):
        self.assertEqual(self.ndr('udp.py', generator_pps=2e6)['limit'], 'generator')

    def test_nothing_passes(self):
        self.assertEqual(self.ndr('udp.py', '--precision', '2', pps=0)['limit'], 'none')

    def test_new_flows(self):
        found = self.ndr('new_flows.py', '-t', 'kind=dns', pps=2e6)
        self.assertAlmostEqual(float(found['received_mpps']), 2, delta=0.03)

    def test_latency_at_a_given_rate(self):
        found = self.ndr('latency.py', '-t', 'size=64', '--rate', '20')
        self.assertEqual((found['p50_us'], found['p99_us'], found['p999_us'], found['max_us']),
                         ('10', '20', '250', '250'))

    def test_buckets(self):
        ndr = program('ndr')
        self.assertEqual([ndr.bucket_end(n) for n in (0, 10, 90, 100, 1000)], [10, 20, 100, 200, 2000])
        self.assertIsNone(ndr.percentile({}, 0.5))


class Stateful(unittest.TestCase):
    def load(self, name, **tunables):
        return astf.ASTFProfile.load(os.path.join(KIT, 'astf', name + '.py'), **tunables)

    def test_emix(self):
        rows = self.load('emix', caps='/opt/trex/avl').cap_list
        self.assertTrue(all(row.file.startswith('/opt/trex/avl/delay_10_') for row in rows))
        self.assertEqual(len({row.file for row in rows}), len(rows))
        ports = [row.port for row in rows if row.port]
        self.assertEqual(len(set(ports)), len(ports))
        self.assertAlmostEqual(sum(row.cps for row in rows), 4122, delta=1)
        self.assertEqual(len(self.load('emix', caps='/x', only='dns').cap_list), 1)

    def test_short_connections(self):
        for kind, stream, port in (('http', True, 80), ('tcp', True, 9000), ('dns', False, 53)):
            template = self.load('new_flows', kind=kind).templates
            client, server = template.client.program, template.server.program
            self.assertEqual((client.stream, template.client.port, template.server.assoc.port),
                             (stream, port, port))
            self.assertEqual(client.expected, len(server.sent) if stream else 1)
            self.assertEqual(server.expected, len(client.sent) if stream else 1)

    def connections(self, *arguments):
        module = program('connections')
        module.time = type('Time', (), {'sleep': staticmethod(lambda seconds: None)})
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            out = os.path.join(folder, 'out.csv')
            code = module.main([os.path.join(KIT, 'astf', arguments[0]), '--out', out,
                                '--duration', '1', *arguments[1:]])
            lines = lines_of(out) if code == 0 else []
        return dict(zip(lines[0].split(','), lines[1].split(','))) if lines else None

    def test_search(self):
        found = self.connections('new_flows.py', '-t', 'kind=http', '--search', '1000,2000000')
        self.assertAlmostEqual(float(found['connections_per_s']), 100e3, delta=3000)
        self.assertEqual(found['good'], 'yes')

    def test_no_good_multiplier(self):
        self.assertIsNone(self.connections('new_flows.py', '--search', '200000,300000'))

    def test_emix_at_a_multiplier(self):
        self.assertEqual(self.connections('emix.py', '--mult', '10')['good'], 'yes')
        self.assertEqual(self.connections('emix.py', '--mult', '100')['good'], 'no')


if __name__ == '__main__':
    time.sleep = lambda seconds: None
    unittest.main(argv=sys.argv[:1])

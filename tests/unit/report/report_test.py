#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What bench/report makes of sample measurements."""
import json
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../bench/report'))
sys.dont_write_bytecode = True

import conditions  # noqa: E402
import dpi  # noqa: E402
import figures  # noqa: E402
import gather  # noqa: E402
import known  # noqa: E402
import metrics  # noqa: E402
import page  # noqa: E402
import svg  # noqa: E402


def row(cycles, flows=1000, **more):
    out = {'placement': 'run-to-completion', 'family': 'ipv4', 'flows': flows, 'rules': 1,
           'frame': 64, 'chain': {'cycles': cycles, 'min': cycles - 5, 'max': cycles + 20},
           'io': {'cycles': 10, 'min': 9, 'max': 11}, 'mpps': 2600 / (cycles + 10),
           'bytes_per_flow': 254.5, 'huge_pages': True,
           'stages': [{'stage': 'dpi', 'settled': 0.99, 'cycles': 600},
                      {'stage': 'forwarding', 'settled': 0.0, 'cycles': 3}]}
    out.update(more)
    return out


def floors(look_up, rte_hash):
    return {'lookup': {'cycles': look_up, 'min': look_up, 'max': look_up},
            'rte_hash': {'cycles': rte_hash, 'min': rte_hash, 'max': rte_hash}, 'ratio': 2.0}


LATENCY = {'load_mpps': 10, 'max_mpps': 20, 'stages': [],
           'decided': {'p50_us': 0.2, 'p99_us': 1.0, 'p999_us': 3.0, 'max_us': 9.0,
                       'buckets': [[0.2, 90], [1.0, 10]]},
           'with_new_flows': {'p50_us': 0.3, 'p99_us': 8.0, 'p999_us': 12.0, 'max_us': 40.0,
                              'buckets': [[0.3, 50], [8.0, 50]], 'new_flows_per_second': 1000}}


class Folder(unittest.TestCase):
    """A folder as bench/run.sh leaves it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, data):
        with open(os.path.join(self.folder.name, name), 'w') as f:
            f.write(data if isinstance(data, str) else json.dumps(data))

    def measured(self):
        data, passes = gather.gather(self.folder.name)
        return data, *metrics.metrics(data, passes)


class Passes(Folder):
    def test_the_median_of_passes_counts_and_the_spread_is_of_all(self):
        for i, cycles in enumerate((80, 200, 90), 1):
            self.write(f'flows.{i}.json', {'chain': [row(cycles)], 'tsc_hz': 2_600_000_000})
        data, values, spread = self.measured()
        self.assertEqual(values['chain.flows_1k.cycles'], 90)
        self.assertEqual(spread['chain.flows_1k.cycles'], [75, 220])
        self.assertEqual(len(data['chain']), 1)
        self.assertEqual(data['tsc_hz'], 2_600_000_000)

    def test_one_pass_without_huge_pages_makes_the_row_one_without(self):
        for i, huge in enumerate((True, False, True), 1):
            self.write(f'flows.{i}.json', {'chain': [row(80, huge_pages=huge)]})
        self.assertIs(gather.gather(self.folder.name)[0]['chain'][0]['huge_pages'], False)

    def test_histograms_of_passes_are_added(self):
        for i in (1, 2):
            self.write(f'latency.{i}.json', {'latency': LATENCY, 'tsc_hz': 1})
        data, _, _ = self.measured()
        self.assertEqual(data['latency']['decided']['buckets'], [[0.2, 180], [1.0, 20]])

    def test_what_failed_is_missing_and_not_a_figure(self):
        self.write('flows.1.json', {'chain': [row(80)]})
        self.write('lanes.1.json', '')
        self.write('handover.1.json', '{"handover": {')
        self.write('missing', 'lanes\tno second core\n')
        data, values, _ = self.measured()
        self.assertEqual(data['missing'], {'lanes': 'no second core'})
        self.assertFalse([k for k in values if k.startswith(('lanes', 'handover', 'chain.latency'))])

    def test_an_empty_folder_gives_an_empty_report(self):
        data, values, _ = self.measured()
        self.assertEqual((data['chain'], values), ([], {}))


def inspected(engine, gbps, rules='all', events=True, **more):
    def figure(value):
        return {'value': value, 'min': 0.9 * value, 'max': 1.1 * value}
    out = {'capture': 'web', 'rules': rules, 'engine': engine, 'events': events,
           'kflows': figure(100 * gbps)}
    if engine != 'ndpiReader':
        out.update({k: figure(v) for k, v in (
            ('gbps', gbps), ('mpps', gbps / 4), ('cycles', 1000 / gbps), ('cycles_per_byte', 2 / gbps),
            ('port_cycles', 100), ('others_cycles', 50), ('forwarded', 1))})
        out['alerts_per_1k_flows'] = 30
    out.update(more)
    return out


def inspection(*rows, missing=None):
    return {'dpi': {'rows': list(rows), 'rule_sets': {'none': 0, 'all': 18000},
                    'missing': missing or {}, 'suricata': '7.0.10',
                    'captures': {'web': {'sources': 3, 'flows': 500, 'packets': 10000, 'bytes': 4000000,
                                         'mean_frame': 400,
                                         'bytes_share': {'http': 0.4, 'tls': 0.5, 'other': 0.1}}}}}


class Inspection(Folder):
    def write_passes(self):
        stages = {'stages': {'dpi': 800.0, 'firewall': 10.0}}
        for i, (ours, theirs) in enumerate(((4.0, 2.0), (6.0, 2.0), (5.0, 2.5)), 1):
            rows = [inspected('sluice', ours, **stages), inspected('suricata', theirs),
                    inspected('sluice', 8.0, 'none', False), inspected('ndpiReader', 4.0, 'none', False)]
            # Whoever was first changes.
            self.write(f'dpi.{i}.json', inspection(*(rows if i % 2 else reversed(rows))))

    def test_rows_are_matched_by_what_they_are_and_not_by_their_order(self):
        self.write_passes()
        data, values, spread = self.measured()
        self.assertEqual(len(data['dpi']['rows']), 4)
        self.assertEqual(values['dpi.web.all.sluice.gbps'], 5.0)
        self.assertEqual(values['dpi.web.all.suricata.gbps'], 2.0)
        self.assertEqual(values['dpi.web.all.times_suricata'], 2.5)
        self.assertEqual(spread['dpi.web.all.times_suricata'], [2.0, 3.0])
        self.assertEqual(values['dpi.web.all.alerts_beside_suricata'], 1.0)
        self.assertEqual(values['dpi.web.all.sluice.stage_cycles'], 800)
        self.assertEqual(values['dpi.web.all.sluice.stage_cycles_per_byte'], 2)
        self.assertEqual(values['dpi.web.classification.times_ndpireader'], 2.0)

    def test_without_suricata_there_is_no_ratio_but_all_else(self):
        self.write('dpi.1.json', inspection(inspected('sluice', 4.0),
                                            missing={'suricata': 'not installed'}))
        data, values, _ = self.measured()
        self.assertEqual(data['missing'], {'suricata': 'not installed'})
        self.assertIn('dpi.web.all.sluice.gbps', values)
        self.assertFalse([k for k in values if 'times' in k])
        self.assertIsNotNone(dpi.plot({'dpi': data['dpi']}, 'gbps', 2))

    def test_tables_and_plots_have_every_row(self):
        self.write_passes()
        report = {'dpi': self.measured()[0]['dpi']}
        self.assertEqual(len(dpi.table_rows(report['dpi'])), 3)
        self.assertEqual(len(dpi.flow_rows(report['dpi'])), 2)
        for drawn in (dpi.plot(report, 'gbps', 2), dpi.plot_flows(report), dpi.plot_stages(report)):
            ET.fromstring(drawn)


class Metrics(Folder):
    def test_every_series_has_its_names(self):
        self.write('flows.1.json', {'chain': [row(80, **floors(40, 45)),
                                              row(110, 1_000_000, **floors(70, 80)),
                                              row(140, 10_000_000, bytes_per_flow=254.0)]})
        self.write('ipv6.1.json', {'chain': [row(121, 1_000_000, family='ipv6')]})
        self.write('rules.1.json', {'chain': [row(90, 100_000, rules=10, mpps=26.0),
                                              row(91, 100_000, rules=100_000, mpps=25.7)],
                                    'rules': {'few': 10, 'many': 100_000, 'share': 0.99,
                                              'min': 0.97, 'max': 1.01}})
        self.write('sizes.1.json', {'chain': [row(90, 100_000), row(95, 100_000, frame='IMIX')]})
        self.write('pipeline.1.json', {'chain': [row(200, 100_000, placement='pinned-pipeline')]})
        self.write('latency.1.json', {'latency': LATENCY})
        self.write('newflows.1.json', {'newflows': {
            'plain': {'kps': 1500, 'cycles': 1700},
            'rules_5k': {'kps': 3000, 'cycles': 900, 'connection_cycles': 1900},
            'ndpi': {'kps': 300, 'cycles': 8600, 'parts_cycles': 8000},
            'signatures': {'kps': 250, 'cycles': 10000, 'parts_cycles': 9000}}})
        self.write('lanes.1.json', {'lanes': {'speedup': 1.9, 'floor_speedup': 1.95}})
        _, values, _ = self.measured()
        expected = {
            'chain.flows_1k.cycles': 80, 'chain.flows_1m.cycles': 110, 'chain.flows_10m.cycles': 140,
            'lookup.flows_1k.cycles': 40, 'rte_hash.flows_1m.cycles': 80,
            'chain.v6.flows_1m.cycles': 121, 'chain.v6.flows_1m.times_v4': 1.1,
            'chain.rules_10.mpps': 26.0, 'chain.rules_100k.mpps': 25.7,
            'chain.rules_100k.share_of_10': 0.99, 'chain.frame_64.cycles': 90,
            'chain.imix.cycles': 95, 'pipeline.flows_100k.cycles': 200,
            'chain.latency.p999_us': 3.0, 'chain.latency_new_flows.p99_us': 8.0,
            'newflows.rules_5k.cycles': 900, 'newflows.rules_5k.connection_cycles': 1900,
            'newflows.plain.kps': 1500, 'newflows.ndpi.times_parts': 1.075,
            'lanes_2.floor_speedup': 1.95,
            'memory.bytes_per_flow': 254.0,  # of the largest table
        }
        self.assertEqual({k: values.get(k) for k in expected}, expected)

    def test_what_counting_costs_comes_from_two_builds_in_turns(self):
        for i, (counted, uncounted) in enumerate(((102, 100), (150, 140), (103, 101)), 1):
            for build, cycles in (('counted', counted), ('uncounted', uncounted)):
                self.write(f'{build}-{i}.1.json',
                           {'chain': [row(1, 1000, wall={'cycles': 2 * cycles, 'min': cycles,
                                                         'max': 9 * cycles})]})
        _, values, spread = self.measured()
        self.assertEqual(spread['stats.overhead'], [0.0198, 0.0714])
        self.assertEqual(values['stats.overhead'], 0.02)   # of 0.02, 0.0714, 0.0198
        self.assertEqual(values['stats.with_cycles'], 103)

    def test_many_rules_are_compared_with_few_round_by_round(self):
        for i, share in enumerate((0.9, 1.0, 1.3), 1):
            self.write(f'rules.{i}.json', {'chain': [], 'rules': {
                'few': 10, 'many': 100_000, 'share': share, 'min': share - .1, 'max': share + .1}})
        _, values, spread = self.measured()
        self.assertEqual(values['chain.rules_100k.share_of_10'], 1.0)
        self.assertEqual(spread['chain.rules_100k.share_of_10'], [0.8, 1.4])

    def test_what_stages_took_is_of_packets_that_they_saw_while_it_was_measured(self):
        self.write('flows.1.json', {'chain': [row(80, stages=[
            {'stage': 'dpi', 'settled': 1.0, 'cycles': 600},
            {'stage': 'forwarding', 'settled': 0.0, 'cycles': 3}])]})
        data, _, _ = self.measured()
        chart = figures.where_cycles_go({'chain': data['chain']})
        self.assertNotIn('600', chart)
        self.assertIsNone(figures.stages_when_they_look({'chain': data['chain']}))

    def test_a_build_without_wall_cycles_gives_no_overhead(self):
        for build in ('counted', 'uncounted'):
            self.write(f'{build}-1.1.json', {'chain': [row(90, 100_000)]})
        self.assertNotIn('stats.overhead', self.measured()[1])

    def test_the_container_comparison_keeps_its_names(self):
        self.write('overlay.json', {'metrics': {'overlay.sluice.kpps': 400.0},
                                    'spread': {'overlay.sluice.kpps': [390, 410]}})
        _, values, spread = self.measured()
        self.assertEqual(values, {'overlay.sluice.kpps': 400.0})
        self.assertEqual(spread['overlay.sluice.kpps'], [390, 410])


class Judgement(unittest.TestCase):
    def test_goals_that_were_not_measured_are_not_judged(self):
        self.assertEqual(known.judged({}), [])

    def test_bounds_count_as_met(self):
        self.assertTrue(known.judged({'chain.flows_1k.cycles': 70})[0][4])
        self.assertFalse(known.judged({'chain.flows_1k.cycles': 70.1})[0][4])

    def test_two_lanes_are_judged_by_what_the_look_up_scales_to(self):
        goal, = known.judged({'lanes_2.speedup': 1.8, 'lanes_2.floor_speedup': 1.9})
        self.assertFalse(goal[4])

    def test_a_floor_above_the_chain_is_doubtful(self):
        rows = [{'series': 'flows', **row(80, **floors(90, 100))},
                {'series': 'flows', **row(80, **floors(40, 50))}]
        self.assertEqual(len(known.doubts({'chain': rows})), 1)

    def test_counting_that_seems_to_save_time_is_doubtful(self):
        def found(low, high):
            return known.doubts({'statistics': {'flows_1k': {'min': low, 'max': high}}})
        self.assertEqual((len(found(-0.18, 0.02)), len(found(0.01, 0.2)), len(found(0.0, 0.03))),
                         (1, 1, 0))

    def test_a_busy_machine_is_not_quiet(self):
        moment = {'time': 't', 'load_average': 1.0,
                  'ticks': {'busy': 0, 'idle': 0, 'stolen': 0}}
        after = {'busy': 50, 'idle': 40, 'stolen': 10}
        busy = conditions.summary([{**moment, 'moment': 'start', 'busy_share': 0.5},
                                   {**moment, 'moment': 'end', 'busy_share': 0, 'ticks': after}])
        self.assertFalse(busy['quiet'])
        self.assertEqual(busy['stolen_share'], 0.1)


class Page(unittest.TestCase):
    def report(self, **more):
        out = {'metrics': {}, 'spread': {}, 'goals': [], 'missing': {'lanes': '<no core>'},
               'doubts': [], 'machine': {'cpu': 'A & B', 'cpus': 2, 'virtual': True},
               'versions': dict.fromkeys(('sluice', 'dpdk', 'ndpi', 'hyperscan', 'compiler', 'kernel')),
               'commit': None, 'conditions': {'passes': 1}, 'chain': []}
        out.update(more)
        return out

    def test_an_empty_report_still_says_what_is_missing(self):
        html = page.page(self.report())
        self.assertIn('&lt;no core&gt;', html)
        self.assertNotIn('<figure>', html)

    def test_plots_are_well_formed_and_need_nothing_from_elsewhere(self):
        rows = [{'series': s, **row(80 + i, f, **floors(40, 50))}
                for s in gather.SERIES for i, f in enumerate((1_000, 1_000_000))]
        html = page.page(self.report(chain=rows, latency=LATENCY))
        self.assertNotRegex(html, r'(src|href)=|url\(|@import')
        plots = html.split('<svg')[1:]
        self.assertGreaterEqual(len(plots), 7)
        for plot in plots:
            ET.fromstring('<svg' + plot[:plot.index('</svg>')] + '</svg>')

    def test_the_latency_plot_falls_and_leaves_out_the_last(self):
        self.assertEqual(figures.slower_than([[1, 90], [2, 9], [4, 1]]), [(1, 0.1), (2, 0.01)])

    def test_imix_is_on_the_wire_with_gaps(self):
        self.assertAlmostEqual(figures.line_rate({'frame': 64, 'mpps': 14.88}), 10.0, places=2)

    def test_numbers_on_axes_are_short(self):
        self.assertEqual([svg.text_of(v) for v in (0.5, 64, 1000, 2_500_000)],
                         ['0.5', '64', '1 k', '2.5 M'])


if __name__ == '__main__':
    unittest.main()

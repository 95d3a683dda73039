#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What bench/dpi makes of captures and rules."""
import os
import re
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../bench/dpi'))
sys.dont_write_bytecode = True

import capture  # noqa: E402
import generate  # noqa: E402
import prepare  # noqa: E402
import rules  # noqa: E402

CLIENT, SERVER = (bytes([10, 0, 0, 1]), 40000), (bytes([192, 0, 2, 7]), 80)
SYN, ACK, FIN, RST, PSH = capture.SYN, capture.ACK, capture.FIN, capture.RST, capture.PSH


def tcp(source, target, seq, ack, flags, payload=b''):
    return generate.segment(source, target, seq, ack, flags, payload)


def handshake():
    return [tcp(CLIENT, SERVER, 100, 0, SYN), tcp(SERVER, CLIENT, 500, 101, SYN | ACK),
            tcp(CLIENT, SERVER, 101, 501, ACK)]


def frames(packets):
    return [p.frame() for p in packets]


def checksums_are_right(frame):
    p = capture.packet(frame)
    size = len(p.l4) + len(p.payload)
    total = capture.checksum(p.source[0] + p.target[0], struct.pack('>II', size, p.protocol), p.l4,
                             p.payload)
    return total == 0 and (p.ip[0] >> 4 == 6 or capture.checksum(p.ip) == 0)


class Captures(unittest.TestCase):
    def written(self, data):
        file = tempfile.NamedTemporaryFile(delete=False)
        self.addCleanup(os.remove, file.name)
        with file:
            file.write(data)
        return file.name

    def test_both_formats_and_both_orders_are_read(self):
        frame = handshake()[0].frame()
        pad = b'\0' * (-len(frame) % 4)
        for o, magic in (('<', b'\xd4\xc3\xb2\xa1'), ('>', b'\xa1\xb2\xc3\xd4')):
            data = magic + struct.pack(o + 'HHiIIIIIII', 2, 4, 0, 0, 65535, 1, 0, 0, len(frame), len(frame))
            self.assertEqual(capture.read(self.written(data + frame)), [frame])
            size = 32 + len(frame) + len(pad)
            ng = (b'\x0a\x0d\x0d\x0a' + struct.pack(o + 'IIHHqI', 28, 0x1a2b3c4d, 1, 0, -1, 28) +
                  struct.pack(o + 'IIHHII', 1, 20, 1, 0, 65535, 20) +
                  struct.pack(o + 'IIIIIII', 6, size, 0, 0, 0, len(frame), len(frame)) +
                  frame + pad + struct.pack(o + 'I', size))
            self.assertEqual(capture.read(self.written(ng)), [frame])

    def test_cooked_frames_become_ethernet(self):
        ip = handshake()[0].frame()[14:]
        cooked = b'\0' * 14 + b'\x08\0' + ip
        data = (b'\xd4\xc3\xb2\xa1' + struct.pack('<HHiIIIIIII', 2, 4, 0, 0, 65535, 113, 0, 0,
                                                  len(cooked), len(cooked)) + cooked)
        self.assertEqual(capture.packet(capture.read(self.written(data))[0]).source, CLIENT)

    def test_frames_that_were_cut_off_are_left_out(self):
        frame = handshake()[0].frame()
        data = b'\xd4\xc3\xb2\xa1' + struct.pack('<HHiIII', 2, 4, 0, 0, 65535, 1)
        data += struct.pack('<IIII', 0, 0, 20, len(frame)) + frame[:20]
        data += struct.pack('<IIII', 0, 0, len(frame), len(frame)) + frame
        self.assertEqual(capture.read(self.written(data + b'\0' * 7)), [frame])

    def test_joined_segments_are_split_and_their_flags_are_the_last_ones(self):
        data = bytes(range(256)) * 20
        p = tcp(CLIENT, SERVER, 0xfffffff0, 1, ACK | PSH | FIN, data)
        pieces = [capture.packet(f) for f in frames(capture.split(p))]
        self.assertEqual(b''.join(q.payload for q in pieces), data)
        self.assertTrue(all(len(q.frame()) <= capture.LONGEST for q in pieces))
        self.assertEqual([q.flags for q in pieces[:-1]], [ACK] * (len(pieces) - 1))
        self.assertEqual(pieces[-1].flags, ACK | PSH | FIN)
        at = 0xfffffff0
        for q in pieces:
            self.assertEqual(q.seq, at & 0xffffffff)
            at += len(q.payload)

    def test_fragments_and_truncated_packets_are_none(self):
        frame = bytearray(handshake()[0].frame())
        self.assertIsNotNone(capture.packet(bytes(frame)))
        for cut in range(len(frame)):
            self.assertIsNone(capture.packet(bytes(frame[:cut])))
        frame[20] = 0x20
        self.assertIsNone(capture.packet(bytes(frame)))


class Connections(unittest.TestCase):
    def test_one_that_stays_open_is_reset_where_it_stands(self):
        talk = handshake() + [tcp(CLIENT, SERVER, 101, 501, ACK | PSH, b'GET / HTTP/1.1\r\n\r\n'),
                              tcp(SERVER, CLIENT, 501, 119, ACK | PSH, b'HTTP/1.1 200 OK\r\n\r\n')]
        out = prepare.connections(frames(talk))
        self.assertEqual(len(out), len(talk) + 1)
        last = capture.packet(out[-1])
        self.assertEqual((last.source, last.flags, last.seq), (CLIENT, RST | ACK, 119))
        self.assertEqual(struct.unpack_from('>I', last.l4, 8)[0], 520)
        self.assertTrue(all(checksums_are_right(f) for f in out))

    def test_one_that_ends_by_itself_is_left_alone(self):
        for end in ([tcp(CLIENT, SERVER, 101, 501, FIN | ACK), tcp(SERVER, CLIENT, 501, 102, FIN | ACK)],
                    [tcp(SERVER, CLIENT, 501, 101, RST | ACK)]):
            self.assertEqual(len(prepare.connections(frames(handshake() + end))), 3 + len(end))

    def test_one_that_was_picked_up_is_left_out(self):
        self.assertEqual(prepare.connections(frames(handshake()[1:])), [])

    def test_wrong_checksums_are_made_right(self):
        frame = bytearray(handshake()[0].frame())
        frame[24] ^= 0xff
        frame[50] ^= 0xff
        self.assertFalse(checksums_are_right(bytes(frame)))
        self.assertTrue(checksums_are_right(prepare.connections([bytes(frame)])[0]))

    def test_captures_run_side_by_side(self):
        self.assertEqual(prepare.together([['a', 'b'], ['1', '2', '3', '4']]),
                         ['1', 'a', '2', '3', 'b', '4'])


class Generated(unittest.TestCase):
    def test_http_is_the_same_each_time_and_whole(self):
        makers = [generate.Maker(), generate.Maker()]
        talks = [m.connection(80, 'www.example.com', m.http('www.example.com')) for m in makers]
        self.assertEqual(*talks)
        self.assertTrue(all(checksums_are_right(f) for f in talks[0]))
        self.assertEqual(prepare.connections(talks[0]), talks[0])

    def test_rules_are_the_same_each_time_and_as_many_as_wanted(self):
        one, two = rules.Generator(), rules.Generator()
        made = [one.rule(i) for i in range(1, 2001)]
        self.assertEqual(made, [two.rule(i) for i in range(1, 2001)])
        self.assertTrue(all(re.fullmatch(r'alert (http|tcp|udp|tls) .*\(msg:.* sid:\d+; rev:1;\)', r)
                            for r in made))
        share = sum('pcre:' in r for r in made) / len(made)
        self.assertAlmostEqual(share, 0.49, delta=0.05)

    def test_a_subset_is_spread_over_the_whole_file(self):
        with tempfile.TemporaryDirectory() as folder:
            source, out = os.path.join(folder, 'all'), os.path.join(folder, 'some')
            with open(source, 'w', encoding='utf-8') as f:
                f.write('# a comment\n' + ''.join(f'alert tcp any any -> any any (sid:{i};)\n'
                                                  for i in range(100)))
            arguments, sys.argv = sys.argv, ['rules.py', 'subset', source, '10', out]
            try:
                rules.main()
            finally:
                sys.argv = arguments
            with open(out, encoding='utf-8') as f:
                sids = [int(re.search(r'sid:(\d+)', line).group(1)) for line in f]
            self.assertEqual(sids, list(range(0, 100, 10)))


if __name__ == '__main__':
    unittest.main()

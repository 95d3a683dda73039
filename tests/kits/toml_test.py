#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The kits' configurations: Sluice reads each without an error, as it stands and with
what bench/metal/sluice.sh puts in, and lets the kits' packets through in both
directions.   toml_test.py SLUICE ROOT"""
import glob
import ipaddress
import json
import os
import shlex
import struct
import subprocess
import sys
import tempfile

SLUICE, ROOT = (os.path.abspath(path) for path in sys.argv[1:])
OWN_MAC = '02:00:00:00:00:0a'


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True,
                          env=dict(os.environ, SLUICE=SLUICE), check=False)
    return done.returncode, done.stdout, done.stderr


def checksum(header):
    total = sum(struct.unpack('!%dH' % (len(header) // 2), header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(source, destination, sport, dport, size):
    payload = b'abcdefghijklmnop' * 100
    segment = struct.pack('!4H', sport, dport, size - 4 - 34, 0) + payload[:size - 4 - 42]
    header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(segment), 0, 0, 64, 17, 0,
                         ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed)
    header = header[:10] + struct.pack('!H', checksum(header)) + header[12:]
    return bytes.fromhex(OWN_MAC.replace(':', '')) + b'\2\0\0\0\0\1\x08\0' + header + segment


def capture(path):
    """20 flows of 40 packets; of each second one the server's side comes first."""
    with open(path, 'wb') as out:
        out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        time = 0
        for _ in range(20):
            for client in range(1, 21):
                ends = [('16.0.0.%d' % client, '48.0.0.1', 20000, 8000),
                        ('48.0.0.1', '16.0.0.%d' % client, 8000, 20000)]
                for end in ends if client % 2 else reversed(ends):
                    frame = udp(*end, 64 if client < 11 else 1518)
                    time += 50
                    out.write(struct.pack('<4I', 1700000000, time, len(frame), len(frame)) + frame)
    return 800


def readable(what, command):
    """`sluice check` came as far as the host: exit code 0 or 1, never 2, and no exception."""
    code, out, err = run(*command)
    assert code in (0, 1), '%s: exit %d\n%s%s' % (what, code, out, err)
    return json.loads(out[out.index('{"instance"'):])


def main():
    configs = sorted(glob.glob(os.path.join(ROOT, 'bench', '*', '*.toml')))
    names = [os.path.relpath(path, os.path.join(ROOT, 'bench')) for path in configs]
    for wanted in ('pktgen/wire.toml', 'pktgen/routed.toml', 'trex/wire.toml', 'trex/routed.toml'):
        assert wanted in names, wanted
    with tempfile.TemporaryDirectory() as folder:
        frames = os.path.join(folder, 'kit.pcap')
        count = capture(frames)
        for name, path in zip(names, configs):
            if name.split('/')[0] not in ('pktgen', 'trex'):
                continue
            found = readable(name, [SLUICE, 'check', '--no-huge', '--json', '-c', path])
            assert [port['name'] for port in found['ports']] == ['lan', 'wan'], name

            command = [os.path.join(ROOT, 'bench', 'metal', 'sluice.sh'), '--check', '--lan', '0000:81:10.0',
                       '--wan', '0000:81:10.1', '--lcores', '2,3', '--flows', '65536']
            if 'routed' in name:
                command += ['--lan-mac', '02:00:00:00:00:01', '--wan-mac', '02:00:00:00:00:02']
            found = readable(shlex.join(command), command + [path, '--', '--no-huge', '--json'])
            assert [port['device'] for port in found['ports']] == ['0000:81:10.0', '0000:81:10.1'], name

            mac = ['--set', 'port[0].mac=' + OWN_MAC] if 'routed' in name else []
            code, out, err = run(SLUICE, 'replay', '-c', path, '--in', frames, '--set', 'log.eve.file=' +
                                 os.path.join(folder, 'eve.json'), '--set', 'flowtable.capacity=65536', *mac)
            passed = '%d received + 0 generated = %d transmitted + 0 dropped' % (count, count)
            assert code == 0 and passed in out, '%s\n%s%s' % (name, out, err)
    print('configurations of the kits: fine')


main()

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Sluice and Suricata, each with bench/dpi/replay_port.cc in place of its first port: a wire
between two null ports, one worker, everything on that a rule or an event needs."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

WORKER = 1            # the CPU of the worker; everything else is on CPU 0
READY_SECONDS = 300   # to compile the rules and be through with all windows
MEMORY_MB = 1024      # for frames, where there are no huge pages
ADDRESSES = ('HOME_NET', 'EXTERNAL_NET', 'HTTP_SERVERS', 'SMTP_SERVERS', 'SQL_SERVERS', 'DNS_SERVERS',
             'TELNET_SERVERS', 'AIM_SERVERS', 'DC_SERVERS', 'DNP3_SERVER', 'DNP3_CLIENT',
             'MODBUS_CLIENT', 'MODBUS_SERVER', 'ENIP_CLIENT', 'ENIP_SERVER')
EVENTS = ('alert', 'http', 'dns', 'tls', 'ssh', 'quic', 'flow')
SURICATA_YAML = '/etc/suricata/suricata.yaml'


class Failed(Exception):
    pass


def huge_pages():
    """Whether there are any, and DPDK can take them."""
    with open('/proc/meminfo', encoding='ascii') as f:
        free = int(re.search(r'HugePages_Free:\s+(\d+)', f.read()).group(1))
    with open('/proc/mounts', encoding='utf-8') as f:
        return free > 0 and ' hugetlbfs ' in f.read()


def resident_mb(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1)) / 1024


def last_lines(path, count=5):
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            return ' / '.join(line.strip() for line in f.readlines()[-count:])
    except OSError:
        return ''


def come_first(pid):
    """Before other users of the machine, if we may: a worker that has to wait finds its caches
    filled by others. Niceness counts within a session only, where the kernel groups by them."""
    try:
        with open(f'/proc/{pid}/autogroup', 'w', encoding='ascii') as f:
            f.write('-20')
    except OSError:
        pass


class Engine:
    """One run: start() .. wait() .. stop()."""
    name = ''

    def __init__(self, work, preload, capture, rules, events):
        self.work = work         # a folder of its own
        self.capture = capture
        self.rules = rules       # file, or None
        self.events = events     # write events, or count alerts only
        self.report = os.path.join(work, 'port.json')
        self.log = os.path.join(work, 'log')
        self.environment = {**os.environ, 'LD_PRELOAD': preload, 'REPLAY_CAPTURE': capture,
                            'REPLAY_REPORT': self.report, 'RUNTIME_DIRECTORY': work,
                            'REPLAY_NICE': '-20'}
        self.process = None
        self.about = {}

    def command(self):
        raise NotImplementedError

    def observe(self):
        """What the program itself tells of the run, while it still runs."""

    def conclude(self):
        """The same, when it has ended."""

    def run(self, windows, ms, warm_ms):
        self.environment.update(REPLAY_WINDOWS=str(windows), REPLAY_MS=str(ms),
                                REPLAY_WARM_MS=str(warm_ms))
        with open(self.log, 'w', encoding='utf-8') as log:
            begin = time.monotonic()
            self.process = subprocess.Popen(self.command(), env=self.environment, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, cwd=self.work,
                                            start_new_session=True)
            come_first(self.process.pid)
            try:
                while not os.path.exists(self.report):
                    if self.process.poll() is not None:
                        raise Failed(f'it ended by itself: {last_lines(self.log)}')
                    if time.monotonic() - begin > READY_SECONDS:
                        raise Failed(f'not done within {READY_SECONDS} s: {last_lines(self.log)}')
                    time.sleep(0.1)
                self.about['resident_mb'] = round(resident_mb(self.process.pid))
                self.observe()
            finally:
                self.end()
        self.conclude()
        with open(self.report, encoding='ascii') as f:
            return json.load(f)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def count_of(text, name):
    """The number behind a counter's name in a table, or None."""
    found = re.search(rf'^\s*{re.escape(name)}\s+([\d,]+)', text, re.M)
    return int(found.group(1).replace(',', '')) if found else None


class Sluice(Engine):
    name = 'sluice'

    def __init__(self, build, cache, *arguments):
        super().__init__(*arguments)
        self.program = os.path.abspath(os.path.join(build, 'app/sluice'))
        self.cache = cache

    def command(self):
        path = os.path.join(self.work, 'wire.toml')
        variables = '\n'.join(f'{name} = "any"' for name in ADDRESSES)
        rules = (f'[stage.dpi.rules]\nfiles = ["{self.rules}"]\ncache = "{self.cache}"\n'
                 f'[stage.dpi.rules.variables]\n{variables}\n' if self.rules else '')
        types = json.dumps([e for e in EVENTS if e != 'ssh'])   # of ssh there is no filter
        events = (f'[log.eve]\nfile = "/dev/null"\ntypes = {types}\n'
                  if self.events else '')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'''instance = "bench-dpi"
[[port]]
name = "a"
device = "net_null0,no-rx=1"
peer = "b"
verify_checksum = "off"
[[port]]
name = "b"
device = "net_null1,no-rx=1"
peer = "a"
[[lane]]
lcore = {WORKER}
[flowtable]
capacity = 1048576
tcp_window = "loose"
[flowtable.timeouts]
udp_new = 2
udp_replied = 2
tcp_time_wait = 1
tcp_reset = 1
[stage.dpi]
max_flows = 65536
stream_mb = 1024
{rules}[[stage.firewall.rule]]
name = "all"
action = "allow"
{events}[log]
level = "warning"
''')
        return [self.program, 'run', '-c', path, '--no-console', '--socket', self.socket()]

    def socket(self):
        return os.path.join(self.work, 'control')

    def ask(self, line):
        environment = {k: v for k, v in self.environment.items() if k != 'LD_PRELOAD'}
        out = subprocess.run([self.program, 'attach', '--socket', self.socket(), '-x', line],
                             capture_output=True, text=True, timeout=30, check=False, env=environment)
        return out.stdout

    def observe(self):
        chain, dpi, drops = (self.ask(f'show {what}') for what in ('chain', 'stage dpi', 'drops'))
        stages = {}
        for row in re.finditer(r'^\s*(\w+)\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)\s+([\d,.]+)\s*$', chain, re.M):
            packets, skipped, cycles = (float(row.group(i).replace(',', '')) for i in (2, 3, 5))
            stages[row.group(1)] = {'packets': packets, 'skipped': skipped, 'cycles': cycles}
        self.about.update(stages=stages, alerts=count_of(dpi, 'alerts'),
                          drops={m.group(1): int(m.group(2).replace(',', ''))
                                 for m in re.finditer(r'^\s*(\w+\.\w+)\s+([\d,]+)', drops, re.M)})
        for name in ('sessions_evicted', 'overload_bypassed', 'stream_bypassed', 'evicted'):
            count = count_of(dpi, name)
            if count:
                self.about.setdefault('not_read', {})[name] = count
        with open(os.path.join(self.work, 'counters'), 'w', encoding='utf-8') as f:
            f.write('\n'.join((chain, dpi, drops, self.ask('show lane'),
                               self.ask('show stage dpi rules') if self.rules else '')))


def suricata():
    """Path of a Suricata 7 with DPDK; else why not, as the second."""
    path = shutil.which('suricata')
    if not path:
        return None, 'suricata is not installed (app/install-deps.sh --bench)'
    told = subprocess.run([path, '--build-info'], capture_output=True, text=True, check=False).stdout
    version = re.search(r'version (\d+)\.([\d.]+)', told)
    if not version or int(version.group(1)) < 7:
        return None, 'this suricata is older than 7'
    if not re.search(r'DPDK support:\s+yes', told):
        return None, 'this suricata is built without DPDK'
    if not os.path.exists(SURICATA_YAML):
        return None, f'no {SURICATA_YAML}'
    return path, f'{version.group(1)}.{version.group(2)}'


def timeouts(new, established, closed=None):
    """Of Suricata's flows, in an emergency the same."""
    times = {'new': new, 'established': established, 'bypassed': established}
    if closed is not None:
        times['closed'] = closed
    return ', '.join(f'{name}: {t}, emergency-{name}: {t}' for name, t in times.items())


class Suricata(Engine):
    """The distribution's configuration, but for what stands here. Of hash tables from 16,384 to
    262,144 rows the smallest serves it best under this many new flows: its manager visits a
    tenth of the rows a second, and ended flows are kept until then. Likewise a small pool of
    frames, since its worker has no cache of them."""
    name = 'suricata'

    def __init__(self, program, *arguments):
        super().__init__(*arguments)
        self.program = program

    def command(self):
        path = os.path.join(self.work, 'wire.yaml')
        addresses = '\n'.join(f'    {name}: "any"' for name in ADDRESSES)
        # Each event type with its defaults.
        types = '\n'.join(f'        - {name}' for name in (EVENTS if self.events else ('alert',)))
        memory = '' if huge_pages() else f'    no-huge:\n    m: "{MEMORY_MB}"\n    iova-mode: va\n'
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'''%YAML 1.1
---
vars:
  address-groups:
{addresses}
  port-groups:
    HTTP_PORTS: "80"
    SHELLCODE_PORTS: "!80"
    ORACLE_PORTS: 1521
    SSH_PORTS: 22
    DNP3_PORTS: 20000
    MODBUS_PORTS: 502
    FILE_DATA_PORTS: "[$HTTP_PORTS,110,143]"
    FTP_PORTS: 21
    GENEVE_PORTS: 6081
    VXLAN_PORTS: 4789
    TEREDO_PORTS: 3544
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: /dev/null
      types:
{types}
  - stats:
      enabled: yes
      filename: stats.log
      append: no
      totals: yes
      threads: no
stats:
  enabled: yes
  interval: 3600
exception-policy: ignore
unix-command:
  enabled: no
flow:
  memcap: 2gb
  hash-size: 16384
  prealloc: 10000
  emergency-recovery: 30
flow-timeouts:
  default: {{{timeouts(2, 2, 0)}}}
  tcp: {{{timeouts(30, 600, 1)}}}
  udp: {{{timeouts(2, 2)}}}
  icmp: {{{timeouts(2, 2)}}}
stream:
  memcap: 1gb
  checksum-validation: no
  inline: auto
  reassembly:
    memcap: 2gb
    depth: 1mb
    toserver-chunk-size: 2560
    toclient-chunk-size: 2560
    randomize-chunk-size: yes
threading:
  set-cpu-affinity: yes
  cpu-affinity:
    - management-cpu-set:
        cpu: [ ]
    - worker-cpu-set:
        cpu: [ 0, {WORKER} ]
        mode: exclusive
dpdk:
  eal-params:
    proc-type: primary
    no-pci:
    file-prefix: bench-dpi-suricata
    vdev: ["net_null0,no-rx=1", "net_null1,no-rx=1"]
{memory}  interfaces:
{self.interface("net_null1", "net_null0")}{self.interface("net_null0", "net_null1")}''')
        # It wants no CPU for two purposes, and there may be two only: the threads that it does
        # not place stay where the program was started. Workers get theirs in the order of
        # the interfaces.
        return ['taskset', '-c', '0', self.program, '-c', SURICATA_YAML, '--include', path, '--dpdk', '--runmode', 'workers',
                '-S', self.rules or '/dev/null', '-l', self.work]

    @staticmethod
    def interface(name, peer):
        return f'''    - interface: {name}
      threads: 1
      promisc: yes
      multicast: yes
      checksum-checks: no
      checksum-checks-offload: no
      mtu: 1500
      mempool-size: 1023
      mempool-cache-size: auto
      rx-descriptors: 1024
      tx-descriptors: 1024
      copy-mode: ips
      copy-iface: {peer}
'''

    def conclude(self):
        try:
            with open(os.path.join(self.work, 'stats.log'), encoding='utf-8') as f:
                counters = dict(re.findall(r'^(\S+)\s+\| Total\s+\| (\d+)', f.read(), re.M))
        except OSError:
            return
        self.about['alerts'] = int(counters.get('detect.alert', 0))
        dropped = int(counters.get('ips.blocked', 0))
        self.about['drops'] = {'ips.blocked': dropped} if dropped else {}
        self.about['not_read'] = {name: int(counters[name]) for name in
                                  ('tcp.ssn_memcap_drop', 'tcp.segment_memcap_drop', 'flow.memcap',
                                   'tcp.pseudo_failed', 'detect.alert_queue_overflow')
                                  if int(counters.get(name, 0))}

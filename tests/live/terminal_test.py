#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The console on the terminal that `sluice run` was started from.

A terminal that stands still is cut off and attached again, without harm to the
appliance; SIGTERM during a session ends cleanly, and so does `quit`.
"""
import os
import pty
import select
import signal
import subprocess
import tempfile
import time

SLUICE = os.environ['SLUICE']
PROMPT = b'sluice> '


class Appliance:
    """`sluice run` on a terminal of its own."""

    def __init__(self, folder):
        self.log = f'{folder}/log'
        ours, its = pty.openpty()
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                [SLUICE, 'run', '-c', f'{folder}/sluice.toml', '--no-huge',
                 '--socket', f'{folder}/socket'],
                stdin=its, stdout=its, stderr=log, start_new_session=True)
        os.close(its)
        self.fd = ours
        self.wait_for(PROMPT)

    def type(self, text):
        os.write(self.fd, text)

    def wait_for(self, text, seconds=30):
        """What the terminal shows until `text` comes."""
        seen, deadline = b'', time.monotonic() + seconds
        while text not in seen:
            left = deadline - time.monotonic()
            assert left > 0, f'no {text!r} in ...{seen[-500:]!r}, log: {open(self.log).read()}'
            if select.select([self.fd], [], [], left)[0]:
                seen += os.read(self.fd, 65536)
        return seen

    def ends_well(self):
        status = self.process.wait(20)
        os.close(self.fd)
        log = open(self.log).read()
        assert status == 0, f'exit code {status}: {log}'
        assert 'every mbuf is back' in log, log


def write_config(folder):
    lcore = max(os.sched_getaffinity(0))
    with open(f'{folder}/sluice.toml', 'w') as file:
        file.write(f'instance = "terminal{os.getpid()}"\n[[lane]]\nlcore = {lcore}\n')
        for i, (name, peer) in enumerate([('lan', 'wan'), ('wan', 'lan')]):
            file.write(f'[[port]]\nname = "{name}"\npeer = "{peer}"\n'
                       f'device = "net_null{i},no-rx=1"\n')
        # `show config` then fills the socket's and the terminal's buffers.
        file.write(('# ' + 'x' * 97 + '\n') * 10000)


with tempfile.TemporaryDirectory(prefix='sluice-live-') as folder:
    write_config(folder)

    print('--- a terminal that takes nothing for 11 s, then goes on')
    appliance = Appliance(folder)
    appliance.type(b'show config\n')
    time.sleep(11.5)
    assert appliance.process.poll() is None, 'the appliance ended'
    appliance.wait_for(PROMPT)
    appliance.type(b'show version\n')
    appliance.wait_for(b'policy 1 in force')
    assert 'cut off' in open(appliance.log).read(), 'the session was not cut off'

    print('--- SIGTERM during a session')
    appliance.process.send_signal(signal.SIGTERM)
    appliance.ends_well()

    print('--- quit')
    appliance = Appliance(folder)
    appliance.type(b'quit\n')
    appliance.ends_well()
print('--- done')

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What a service manager hears of `sluice run`, by sd_notify(3): that it is ready,
signs of life while it runs, and that it ends."""
import os
import signal
import socket
import subprocess
import tempfile
import time

SLUICE = os.environ['SLUICE']
CONFIG = '''
instance = "service{pid}"
[[port]]
name = "a"
device = "net_null0"
peer = "b"
[[port]]
name = "b"
device = "net_null1"
peer = "a"
[[lane]]
lcore = {lcore}
'''


def hear(manager, word, seconds=30):
    """Waits until the manager hears `word`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        manager.settimeout(max(0.1, deadline - time.monotonic()))
        try:
            if manager.recv(256).decode().strip() == word:
                return
        except socket.timeout:
            break
    raise AssertionError(f'never heard {word}')


with tempfile.TemporaryDirectory() as folder:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(f'{folder}/notify')
    with open(f'{folder}/sluice.toml', 'w') as file:
        file.write(CONFIG.format(pid=os.getpid(), lcore=max(os.sched_getaffinity(0))))
    with open(f'{folder}/log', 'wb') as log:
        process = subprocess.Popen(
            [SLUICE, 'run', '-c', f'{folder}/sluice.toml', '--no-huge', '--no-console',
             '--socket', f'{folder}/socket'],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=os.environ | {'NOTIFY_SOCKET': f'{folder}/notify'})
    try:
        hear(manager, 'READY=1')
        for _ in range(3):
            hear(manager, 'WATCHDOG=1', 5)
        process.send_signal(signal.SIGTERM)
        hear(manager, 'STOPPING=1')
        assert process.wait(20) == 0, open(f'{folder}/log').read()
    finally:
        process.kill()
print('ready, alive, stopping: heard')

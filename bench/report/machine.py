# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Which machine and which versions a report is about."""
import os
import platform
import re
import subprocess


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def line_of(path, pattern):
    try:
        with open(path) as f:
            found = re.search(pattern, f.read(), re.MULTILINE)
    except OSError:
        return None
    return found.group(1).strip().strip('"') if found else None


def content(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return None


def cache_sizes():
    out = {}
    folder = '/sys/devices/system/cpu/cpu0/cache'
    if os.path.isdir(folder):
        for index in sorted(os.listdir(folder)):
            level, kind, size = (content(os.path.join(folder, index, n))
                                 for n in ('level', 'type', 'size'))
            if level and kind != 'Instruction':
                out[f'L{level}'] = size
    return out


def machine():
    with open('/proc/meminfo') as f:
        memory_kb = int(f.readline().split()[1])
    return {
        'cpu': line_of('/proc/cpuinfo', r'^model name\s*:\s*(.*)$') or 'unknown',
        'family': line_of('/proc/cpuinfo', r'^cpu family\s*:\s*(.*)$'),
        'model': line_of('/proc/cpuinfo', r'^model\s*:\s*(.*)$'),
        'cpus': os.cpu_count(),
        'virtual': bool(line_of('/proc/cpuinfo', r'^flags.*\b(hypervisor)\b')),
        'caches': cache_sizes(),
        'memory_gb': round(memory_kb / 1048576, 1),
        'governor': content('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
        'isolated_cpus': content('/sys/devices/system/cpu/isolated') or None,
        'transparent_huge_pages': content('/sys/kernel/mm/transparent_hugepage/enabled'),
    }


def versions():
    compiler = output('c++', '--version')
    return {
        'sluice': line_of('meson.build', r"^\s*version:\s*'(.*)',"),
        'dpdk': output('pkg-config', '--modversion', 'libdpdk'),
        'ndpi': output('pkg-config', '--modversion', 'libndpi'),
        'hyperscan': output('pkg-config', '--modversion', 'libhs'),
        'compiler': compiler.splitlines()[0] if compiler else None,
        'kernel': platform.release(),
        'system': line_of('/etc/os-release', r'^PRETTY_NAME=(.*)$'),
    }


def commit():
    number = output('git', 'rev-parse', '--short', 'HEAD')
    if number is None:
        return None
    return number + ('' if output('git', 'status', '--porcelain', '-uno') == '' else '+changes')

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""app/deploy: the manifests are YAML and agree with each other; Sluice reads the
configuration in them with what start.sh puts in; the Containerfile copies what is there;
the packages of the built program are known to Debian.   deploy_test.py SLUICE ROOT"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    print('no python3-yaml: the manifests are not read')
    sys.exit(77)  # meson: skipped

SLUICE, ROOT = (os.path.abspath(path) for path in sys.argv[1:])
DEPLOY = os.path.join(ROOT, 'app', 'deploy')


def manifests():
    """{(kind, name): document} of all manifests."""
    found = {}
    for path in sorted(glob.glob(os.path.join(DEPLOY, 'kubernetes', '*.yaml'))):
        with open(path, encoding='utf-8') as text:
            for document in yaml.safe_load_all(text):
                assert document['apiVersion'], path
                found[document['kind'], document['metadata']['name']] = document
    return found


def check_kubernetes(found):
    plugin = json.loads(found['ConfigMap', 'sriovdp-config']['data']['config.json'])
    resources = ['%s/%s' % (r['resourcePrefix'], r['resourceName']) for r in plugin['resourceList']]
    # The plugin's own rule for the variable's name.
    variables = ['PCIDEVICE_' + re.sub(r'[./]', '_', name).upper() for name in resources]

    pod = found['DaemonSet', 'sluice']['spec']['template']
    container, = pod['spec']['containers']
    limits = container['resources']['limits']
    assert container['resources']['requests'] == limits, 'guaranteed CPUs need requests equal to limits'
    assert limits['cpu'].isdigit(), 'exclusive CPUs are whole ones'
    assert [name for name in limits if '/' in name] == resources
    environment = {e['name']: e['value'] for e in container['env']}
    assert environment['SLUICE_PORTS'].split(',') == variables

    networks = pod['metadata']['annotations']['k8s.v1.cni.cncf.io/networks'].split(',')
    for name, resource in zip(networks, resources):
        network = found['NetworkAttachmentDefinition', name]
        assert network['metadata']['annotations']['k8s.v1.cni.cncf.io/resourceName'] == resource
        config = json.loads(network['spec']['config'])
        assert (config['type'], config['spoofchk'], config['trust']) == ('sriov', 'off', 'on')
    mounts = {m['name'] for m in container['volumeMounts']}
    assert mounts == {v['name'] for v in pod['spec']['volumes']}
    return variables


def check_configuration(found, variables):
    """`sluice check` by start.sh comes as far as the host: exit code 0 or 1, never 2."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'sluice.toml')
        with open(path, 'w', encoding='utf-8') as out:
            out.write(found['ConfigMap', 'sluice']['data']['sluice.toml'])
        devices = ['0000:81:10.0', '0000:82:10.0']
        environment = dict(os.environ, SLUICE=SLUICE, SLUICE_PORTS=','.join(variables), **dict(zip(variables, devices)))
        done = subprocess.run([os.path.join(DEPLOY, 'container', 'start.sh'), '--check', '--config', path,
                               '--', '--no-huge', '--json'],
                              capture_output=True, text=True, env=environment, check=False)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        told = json.loads(done.stdout[done.stdout.index('{"instance"'):])
        assert [port['device'] for port in told['ports']] == devices


def check_container():
    with open(os.path.join(DEPLOY, 'container', 'Containerfile'), encoding='utf-8') as text:
        lines = text.read()
    for words in re.findall(r'^COPY (?!--from)(.*)$', lines, re.M):
        for source in words.split()[:-1]:
            assert os.path.exists(os.path.join(ROOT, source)), source
    # What meson.build includes without tests and benchmarks is copied, and so are options.
    with open(os.path.join(ROOT, 'meson.build'), encoding='utf-8') as text:
        for folder in re.findall(r"^subdir\('(\w+)'\)", text.read(), re.M):
            assert re.search(r'^COPY %s %s$' % (folder, folder), lines, re.M), folder

    script = os.path.join(DEPLOY, 'container', 'runtime-packages.sh')
    libraries = subprocess.run([script, '--dry-run', SLUICE], capture_output=True, text=True, check=False)
    assert libraries.returncode == 0 and 'librte_eal.so' in libraries.stdout, libraries.stderr


def main():
    found = manifests()
    check_configuration(found, check_kubernetes(found))
    check_container()
    print('manifests and container of deploy: fine')


main()

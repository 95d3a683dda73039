#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""One list of rules, written for nftables and for Sluice.

  rules.py nft N                          a rule set for each service's namespace
  rules.py toml N INSTANCE DRIVER EVE     Sluice's configuration: a wire between
        "lan" and "wan", DRIVER is net_af_packet or net_af_xdp, EVE the event log

Stateful, first match, N rules, what none names is dropped. The last rule is the
one that lets the client's traffic pass; the others are for networks beside it.
"""
import sys


def rules(n):
    """(name, from, to, protocols, port) in order."""
    rows = []
    for i in range(n - 1):
        rows.append((f'branch-{i}', f'10.{100 + i // 250}.{i % 250}.0/24', '10.90.2.0/24', ('tcp',),
                     8000 + i % 1000))
    rows.append(('client', '10.90.1.0/24', '10.90.2.0/24', ('tcp', 'udp'), 5201))
    return rows


def nft(n):
    out = ['table inet service {', '  chain forward {',
           '    type filter hook forward priority filter; policy drop;',
           '    ct state established,related accept', '    ct state invalid drop']
    for name, source, target, protocols, port in rules(n):
        out.append(f'    ip saddr {source} ip daddr {target} meta l4proto {{ {", ".join(protocols)} }} '
                   f'th dport {port} ct state new accept comment "{name}"')
    return '\n'.join(out + ['  }', '}', ''])


def toml(n, instance, driver, eve):
    out = [f'instance = "{instance}"', 'rss = "software"', '']
    for number, (port, peer) in enumerate((('lan', 'wan'), ('wan', 'lan'))):
        out += ['[[port]]', f'name = "{port}"', f'device = "{driver}{number},iface={port}"',
                f'peer = "{peer}"', '']
    out += ['[[lane]]', 'lcore = 1', '', '[log.eve]', f'file = "{eve}"', '',
            '[[stage.identity.binding]]', 'prefix = "10.90.1.0/24"', 'user = "client"',
            'groups = ["staff"]', '', '[[stage.identity.binding]]', 'prefix = "10.90.2.0/24"',
            'service = "server"', '', '[stage.firewall]', 'default = "deny"', '']
    for name, source, target, protocols, port in rules(n):
        out += ['[[stage.firewall.rule]]', f'name = "{name}"', f'from = "{source}"',
                f'to = "{target}"', f'protocol = {list(protocols)}'.replace("'", '"'),
                f'port = "{port}"', 'action = "allow"', '']
    return '\n'.join(out)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == 'nft':
        print(nft(int(sys.argv[2])))
    elif len(sys.argv) == 6 and sys.argv[1] == 'toml':
        print(toml(int(sys.argv[2]), *sys.argv[3:]))
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()

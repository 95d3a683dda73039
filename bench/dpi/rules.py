#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Rule files for bench/dpi.

  rules.py subset FILE N OUT   N rules of FILE, evenly over it
  rules.py generate N OUT      N rules made up, for those who have no rule set: as many of
                               each kind, over the same buffers, with contents as long and
                               pcre as often as in Emerging Threats Open of 2017

The same each time. Few of them alert in generate.py's traffic, but the fast patterns of
more are in it, as in life: LOOSE and COMMON say how many.
"""
import random
import re
import sys

# Per 1000 rules: protocol, source port, destination port, from the client?, how many
# contents in which buffers, of 10 how many have a pcre over the last buffer.
SHAPES = (
    (300, 'http', 'any', 'any', True, ('http_uri',), (1, 4), 8),
    (60, 'http', 'any', 'any', True, ('http_method', 'http_uri'), (2, 4), 8),
    (45, 'http', 'any', 'any', True, ('http_method', 'http_uri', 'http_header'), (3, 6), 5),
    (30, 'http', 'any', 'any', True, ('http_uri', 'http_header'), (2, 4), 3),
    (65, 'http', 'any', 'any', True, ('http_header',), (1, 4), 3),
    (15, 'http', 'any', 'any', True, ('http_user_agent',), (1, 2), 1),
    (12, 'http', 'any', 'any', True, ('http_uri', 'http_user_agent'), (2, 3), 1),
    (30, 'http', 'any', 'any', True, ('http_method', 'http_uri', 'http_client_body'), (3, 6), 4),
    (15, 'http', 'any', 'any', True, ('http_client_body',), (1, 3), 4),
    (80, 'http', 'any', 'any', False, ('file_data',), (1, 5), 2),
    (12, 'http', 'any', 'any', False, ('http_header', 'file_data'), (2, 4), 1),
    (8, 'http', 'any', 'any', False, ('http_stat_code', 'http_header', 'file_data'), (3, 5), 1),
    (130, 'tcp', 'any', '$HTTP_PORTS', True, ('http_uri',), (1, 4), 9),
    (45, 'tcp', 'any', 'any', True, ('payload',), (1, 4), 2),
    (45, 'tcp', 'any', '[139,445]', True, ('payload',), (2, 6), 0),
    (20, 'tcp', 'any', '[21,25,110,143]', True, ('payload',), (1, 3), 4),
    (10, 'tcp', 'any', '1521', True, ('payload',), (2, 4), 2),
    (8, 'tcp', '$HTTP_PORTS', 'any', False, ('payload',), (1, 4), 2),
    (65, 'udp', 'any', '53', None, ('payload',), (2, 3), 0),
    (5, 'udp', 'any', 'any', None, ('payload',), (1, 3), 2),
)
TLS = (43, 'tls', 'any', 'any', False, ('payload',), (2, 4), 0)
# Quantiles of a content's length, and of the longest of a rule.
LENGTHS = ((0.0, 1), (0.05, 2), (0.25, 4), (0.5, 8), (0.75, 14), (0.9, 23), (0.99, 56), (1.0, 90))
LONGEST = ((0.0, 3), (0.05, 4), (0.25, 10), (0.5, 16), (0.75, 23), (0.9, 35), (0.99, 76), (1.0, 120))
COMMON = 0.02   # of all rules have a fast pattern that ordinary traffic has
TELLING = 7     # bytes that are found nowhere by chance: so long a content has each rule
LOOSE = 0.05    # but these, some of which alert
SEEN = {'http_uri': ('.php', '/images/', '?id=', '.js', '/index.'),
        'http_header': ('Accept-Encoding|3a| ', 'Connection|3a| ', 'Referer|3a| '),
        'http_user_agent': ('Mozilla/5.0', 'Windows NT'),
        'http_client_body': ('&name=', 'submit'),
        'file_data': ('<script', 'function(', 'iframe'),
        'http_stat_code': ('200',), 'payload': ('|00 00 00 01|', '|01 00 00|')}
FEW_VALUES = ('http_method', 'http_stat_code')
METHODS = ('GET', 'POST', 'GET', 'POST', 'HEAD')
SYLLABLES = ('ba', 'co', 'di', 'fo', 'gra', 'hy', 'in', 'ku', 'lo', 'me', 'ni', 'or', 'pe', 'qui',
             'ra', 'so', 'tu', 'va', 'wi', 'xe', 'yo', 'za')
JOINTS = {'http_uri': '/._-?=&', 'http_header': ': -_/', 'http_user_agent': '/ .()',
          'http_client_body': '=&_-', 'file_data': '(){}<>"=. '}
PCRE_FLAG = {'http_uri': 'U', 'http_header': 'H', 'http_client_body': 'P', 'http_user_agent': 'V'}


def quantile(table, u):
    for (low, least), (high, most) in zip(table, table[1:]):
        if u <= high:
            return round(least + (most - least) * (u - low) / (high - low))
    return table[-1][1]


def escaped(text):
    return ''.join(f'|{ord(c):02x}|' if c in '";\\:|' else c for c in text).replace('||', ' ')


class Generator:
    def __init__(self):
        self.random = random.Random(20170301)

    def words(self, buffer, length):
        joints, out = JOINTS.get(buffer, '_-/'), ''
        while len(out) < length:
            out += self.random.choice(SYLLABLES)
            if self.random.random() < 0.25:
                out += self.random.choice(joints)
        return out[:length].strip() or 'x'

    def content(self, buffer, length, common):
        r = self.random
        if buffer == 'http_method':
            text = r.choice(METHODS)
        elif common and buffer in SEEN:
            text = r.choice(SEEN[buffer])
        elif buffer == 'payload' and r.random() < 0.6:
            text = '|' + ' '.join(f'{r.randrange(256):02x}' for _ in range(max(2, length))) + '|'
        else:
            text = escaped(self.words(buffer, length))
        out = f'content:"{text}";'
        if buffer not in ('payload', 'file_data'):
            out += f' {buffer};'
        if buffer not in FEW_VALUES and r.random() < 0.5:
            out += ' nocase;'
        return out

    def pcre(self, buffer):
        r = self.random
        word = re.escape(self.words('http_uri' if buffer == 'http_uri' else '', 6)).replace('/', r'\/')
        tail = r.choice(('[a-z0-9]{4,32}', r'\d+', '[A-F0-9]{8}', '(?:exe|php|zip)', '[^&]{3,}'))
        return (f'pcre:"/{word}{tail}' + r.choice(('$', '', r'(?:&|$)')) +
                f'/{"i" if r.random() < 0.5 else ""}{PCRE_FLAG.get(buffer, "")}";')

    def rule(self, sid):
        r = self.random
        shape = r.choices(SHAPES + (TLS,), [s[0] for s in SHAPES + (TLS,)])[0]
        _, protocol, source, target, client, buffers, (least, most), pcre_tenths = shape
        ends = ('$HOME_NET', '$EXTERNAL_NET') if client is not False else ('$EXTERNAL_NET', '$HOME_NET')
        options = [f'msg:"BENCH {protocol} {buffers[-1]} {sid}";']
        if protocol != 'udp':
            options.append(f'flow:established,{"to_server" if client else "to_client"};')
        count = max(len(buffers), min(most, max(least, round(r.gauss(least + 0.8, 1)))))
        common, where, first, longest_of_all = r.random() < COMMON, None, True, 0
        for i in range(count):
            buffer = buffers[min(i, len(buffers) - 1)]
            if buffer == 'file_data' and where != 'file_data':
                options.append('file_data;')
            where = buffer
            longest = first and buffer not in FEW_VALUES
            length = quantile(LONGEST if longest else LENGTHS, r.random())
            text = self.content(buffer, length, common and longest)
            if not common or not longest:
                longest_of_all = max(longest_of_all, length * (buffer not in FEW_VALUES))
            if longest:
                text += ' fast_pattern;'
                first = False
            elif buffer == 'payload' and i and r.random() < 0.4:
                text += ' distance:0;'
            options.append(text)
        if longest_of_all < TELLING and r.random() > LOOSE:
            options.append(self.content(buffers[-1], TELLING + r.randrange(6), False))
        if r.random() * 10 < pcre_tenths:
            options.append(self.pcre(buffers[-1]))
        options.append(f'classtype:misc-activity; sid:{sid}; rev:1;')
        return (f'alert {protocol} {ends[0]} {source} -> {ends[1]} {target} ({" ".join(options)})')


def rules_of(path):
    with open(path, encoding='utf-8', errors='surrogateescape') as f:
        return [line for line in f if re.match(r'(alert|drop|pass|reject)\s', line)]


def main():
    if len(sys.argv) == 5 and sys.argv[1] == 'subset':
        lines, wanted = rules_of(sys.argv[2]), int(sys.argv[3])
        wanted = min(wanted, len(lines))
        chosen = [lines[i * len(lines) // wanted] for i in range(wanted)]
        out = sys.argv[4]
    elif len(sys.argv) == 4 and sys.argv[1] == 'generate':
        generator = Generator()
        chosen = [generator.rule(1000001 + i) + '\n' for i in range(int(sys.argv[2]))]
        out = sys.argv[3]
    else:
        sys.exit(__doc__)
    with open(out, 'w', encoding='utf-8', errors='surrogateescape') as f:
        f.writelines(chosen)


if __name__ == '__main__':
    main()

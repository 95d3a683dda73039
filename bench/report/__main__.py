# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Tables, report.json and report.html from what bench/run.sh has measured.

  python3 bench/report RAW OUT [--quick]    reads RAW/*.json, writes OUT/report.{json,html}
"""
import json
import os
import sys

import conditions
import dpi
import gather
import known
import machine
import metrics
import page
import text


def build(raw, quick):
    data, passes = gather.gather(raw)
    values, spread = metrics.metrics(data, passes)
    how = conditions.summary(conditions.read(os.path.join(raw, 'conditions')))
    how.update({'passes': len(passes), 'quick': quick})
    goals = known.judged(values)
    return {
        'metrics': values,
        'spread': spread,
        'goals': [{'what': w, 'value': v, 'op': o, 'bound': b, 'met': m} for w, v, o, b, m in goals],
        'missing': data.pop('missing'),
        'doubts': known.doubts(data),
        'machine': machine.machine(),
        'versions': machine.versions(),
        'commit': machine.commit(),
        'conditions': how,
        **data,
    }, goals


def main():
    arguments = [a for a in sys.argv[1:] if a != '--quick']
    if len(arguments) != 2:
        sys.exit(__doc__)
    raw, out = arguments
    report, goals = build(raw, '--quick' in sys.argv)
    dpi.print_tables(report.get('dpi'))
    text.print_all({**report, 'goals': goals})
    for name, content in (('report.json', json.dumps(report, indent=2) + '\n'),
                          ('report.html', page.page(report))):
        path = os.path.join(out, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(content)
        print('written: ' + path)


if __name__ == '__main__':
    main()

# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""What a case is, and what several kinds of cases need."""
import itertools
from typing import Callable, NamedTuple

from conversation import CLIENT, Conversation

# What must come of a case:
ALERT = 'alert'    # every receiver reads what is forbidden: an alert, and inline it does not arrive
EITHER = 'either'  # some receiver may read it: none does inline, and an alert if what passes allows it
SILENT = 'silent'  # none reads it: no alert

BAD = b'this is forbidden here'
CLEAN = b'this is harmless! here'


class Case(NamedTuple):
    name: str
    rule: int
    expect: str
    build: Callable[[Conversation], None]
    whole: bool = True   # where no rule drops, all of its frames leave
    loose: bool = True   # with loose TCP windows, too: what they let pass unread is asked packet by packet


def cuts(size, pieces):
    """Every way to cut so many bytes into so many pieces: lists of (start, end)."""
    for inner in itertools.combinations(range(1, size), pieces - 1):
        edges = (0, *inner, size)
        yield list(zip(edges, edges[1:]))


def evenly(size, pieces):
    edges = [size * i // pieces for i in range(pieces + 1)]
    return list(zip(edges, edges[1:]))


def sending(side, data, parts, acknowledged=False, isn=None):
    """A conversation in which `side` sends `data` in these parts, in this order."""
    def build(c):
        if isn is not None:
            c.isn[side] = isn
        c.open()
        have, upto = set(), 0
        for start, end in parts:
            c.send(side, start, data[start:end])
            have.update(range(start, end))
            while upto in have:
                upto += 1
            if acknowledged:
                c.acknowledge(side, upto)
        c.acknowledge(side, upto)
    return build


def script(*steps):
    """A client's segments behind a handshake: (position, bytes); a number is acknowledged."""
    def build(c):
        c.open()
        for step in steps:
            if isinstance(step, int):
                c.acknowledge(CLIENT, step)
            else:
                c.client(*step)
    return build

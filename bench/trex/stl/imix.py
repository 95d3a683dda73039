# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The simple IMIX, 64, 594 and 1518 bytes as 7 : 4 : 1, both directions.

  -t flows=1000                of each size the same flows
"""
from kit_streams import options, stream

MIX = ((64, 7), (594, 4), (1518, 1))


class Profile:
    def get_streams(self, direction=0, port_id=0, tunables=(), **others):
        chosen = options(tunables, others, flows=1000)
        return [stream(direction, size, chosen.flows, share) for size, share in MIX]


def register():
    return Profile()

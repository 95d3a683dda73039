# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Frames of one size over many flows, both directions.

  -t size=64,flows=1000        size with FCS
"""
from kit_streams import options, stream


class Profile:
    # TRex wants defaults for all arguments or for none.
    def get_streams(self, direction=0, port_id=0, tunables=(), **others):
        chosen = options(tunables, others, size=64, flows=1000)
        return [stream(direction, chosen.size, chosen.flows)]


def register():
    return Profile()

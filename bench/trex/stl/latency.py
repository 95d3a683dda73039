# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Load of one size over many flows, and beside it, in each direction, a stream of
time-stamped packets at a rate of its own, which the multiplier does not change.

  -t size=64,flows=1000,probes=1000       probes: packets a second and direction
"""
from trex_stl_lib.api import STLFlowLatencyStats, STLStream, STLTXCont

from kit_streams import options, stream, udp_packet

FIRST_GROUP = 5     # pg_id of the packets from port 0; + 1 from port 1


class Profile:
    def get_streams(self, direction=0, port_id=0, tunables=(), **others):
        chosen = options(tunables, others, size=64, flows=1000, probes=1000)
        probe = STLStream(packet=udp_packet(direction, max(chosen.size, 68), 1),
                          mode=STLTXCont(pps=chosen.probes),
                          flow_stats=STLFlowLatencyStats(pg_id=FIRST_GROUP + direction))
        return [stream(direction, chosen.size, chosen.flows), probe]


def register():
    return Profile()

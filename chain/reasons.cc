// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/reasons.h"

#include <limits>
#include <stdexcept>

#include "chain/stage.h"

namespace sluice {

namespace {

// In the order of CoreReason.
constexpr DropReason kCoreReasons[] = {
    {"none", ""},
    {"parse.truncated", "a header or the IP length reaches beyond the frame"},
    {"parse.bad_ip_header", "IP version, header length or extension headers make no sense"},
    {"parse.bad_checksum", "wrong checksum; on kernel interfaces usually offload left on"},
    {"parse.bad_transport",
     "TCP, UDP, SCTP or ICMP header shorter than it must be or than it says"},
    {"parse.headers_too_long", "link or IPv6 headers longer than an mbuf can describe (127, 511)"},
    {"parse.multi_segment", "a frame in several mbufs; the port's MTU is larger than its buffers"},
    {"fragment.disabled", "an IP fragment while fragments = \"drop\""},
    {"fragment.bad", "an IP fragment of impossible length or offset"},
    {"fragment.overlap", "fragments of a datagram overlap: an attack or a broken sender"},
    {"fragment.too_many", "more fragments in a datagram than fragment_max"},
    {"fragment.timeout", "the rest of the datagram did not come in time"},
    {"fragment.table_full", "more datagrams under collection than fragment_datagrams"},
    {"flow.table_full", "no free flow entry: ended flows are not yet given back"},
    {"flow.midstream", "TCP without a handshake while midstream = \"drop\", or a stray RST"},
    {"flow.tcp_out_of_window", "sequence or acknowledgement outside the connection's window"},
    {"flow.tcp_bad_flags", "TCP flags that no connection sends together"},
    {"flow.icmp_error_unknown", "an ICMP error that quotes no known flow"},
    {"worker.ring_full", "the next worker of the lane did not keep up"},
    {"lane.ring_full", "the lane that owns the flow did not keep up"},
    {"tx.no_egress", "no stage gave the packet a port to leave by"},
    {"tx.queue_full", "the transmit queue refused the frame; the link is slower than the traffic"},
    {"tx.port_down", "the link of the port to leave by is down"},
    {"tx.port_stopped",
     "the port to leave by is being reset, or its device is gone: show port info"},
    {"wire.split_horizon",
     "came in on one side of a wire from a MAC address that is on the other: a NIC that hands "
     "frames back, a loop, or a host that has just moved"},
    {"shutdown", "still held when the appliance stopped"},
};
static_assert(std::size(kCoreReasons) == static_cast<size_t>(CoreReason::Count));

}  // namespace

ReasonTable::ReasonTable(const std::vector<const StageType*>& line) {
  for (const DropReason& r : kCoreReasons) {
    names_.emplace_back(r.name);
    help_.push_back(r.help);
  }
  for (const StageType* stage : line) {
    first_.push_back(static_cast<Reason>(names_.size()));
    for (const DropReason& r : stage->drop_reasons) {
      names_.push_back(std::string(stage->name) + "." + std::string(r.name));
      help_.push_back(r.help);
    }
    if (names_.size() > std::numeric_limits<Reason>::max() + size_t{1}) {
      throw std::runtime_error("the line's stages have more than 256 drop reasons together");
    }
  }
}

}  // namespace sluice

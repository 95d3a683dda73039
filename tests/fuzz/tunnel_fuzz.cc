// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Any bytes behind any outer header: what is found inside lies inside, and
// tunnels within tunnels come to an end. The first byte of the input chooses the
// outer packet's form.
#include <cstdlib>

#include "stages/dpi/packet_view.h"
#include "stages/dpi/tunnel.h"

using namespace sluice;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool lies_in(std::span<const uint8_t> part, std::span<const uint8_t> whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check(const rules::PacketFacts& packet, std::span<const uint8_t> whole) {
  require(lies_in(packet.ip, whole) && lies_in(packet.l4, whole) && lies_in(packet.payload, whole));
  require(packet.ip.size() >= (packet.ipv6 ? 40u : 20u));
  require(!packet.ends.has_ports || packet.l4.size() >= 8);
  Event event{};
  describe_packet(event, packet);
  (void)rules::header_view(Buffer::Payload, packet);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint8_t kProtocols[] = {4, 41, 47, 17};
  constexpr uint16_t kTypes[] = {0x0800, 0x86dd, 0x894f, 0x0806};
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes{data + 1, size - 1};
  std::optional<rules::PacketFacts> packet;
  if ((data[0] & 4) != 0) {
    packet = packet_in_frame(kTypes[data[0] & 3], bytes);
  } else {
    rules::PacketFacts outer;
    outer.protocol = kProtocols[data[0] & 3];
    outer.payload = bytes;
    outer.ends.has_ports = true;
    outer.ends.port[1] = 4789;
    packet = tunnelled_packet(outer);
  }
  for (size_t left = size; packet; packet = tunnelled_packet(*packet)) {
    check(*packet, bytes);
    require(packet->payload.size() < left);
    left = packet->payload.size();
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/support/test_flow.h"

namespace sluice::test {

ParsedPacket headers_of(rte_mbuf* m, uint64_t time_ns, ZoneRule zone) {
  meta(m) = PacketMeta{};
  meta(m).time_ns = time_ns;
  ParsedPacket parsed{};
  parse(m, {.zone = zone}, parsed);
  return parsed;
}

TestFlow::TestFlow(rte_mbuf* first, uint64_t time_ns, ZoneRule zone) {
  const ParsedPacket parsed = headers_of(first, time_ns, zone);
  flow()->key = parsed.key;
  flow()->originator_end = parsed.sender_end & 1;
  flow()->first_seen_ns = flow()->last_seen_ns = time_ns;
  flow()->tail_distance = Flow::kHeadSize / 8;
  flow()->ingress[0] = flow()->ingress[1] = Flow::kNoIngress;
  adopt(first, time_ns);
  meta(first).flags |= kMetaNewFlow;
}

void TestFlow::adopt(rte_mbuf* m, uint64_t time_ns) noexcept {
  const ParsedPacket parsed = headers_of(m, time_ns);
  const bool reply = parsed.sender_end != flow()->originator_end;
  meta(m).flow = flow();
  if (reply) meta(m).flags |= kMetaReply;
  if (parsed.kind != PacketKind::IcmpError) {
    flow()->ingress[reply ? 1 : 0] = static_cast<uint8_t>(m->port);
  }
}

}  // namespace sluice::test

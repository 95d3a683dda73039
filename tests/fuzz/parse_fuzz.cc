// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Any bytes are a frame: the parser reads none beyond it, and what it says
// about it lies inside of it. The first byte of the input chooses the options.
#include <rte_mbuf.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "chain/packet_meta.h"
#include "chain/parse.h"
#include "flowtable/flow_key.h"

using namespace sluice;

namespace {

// What a NIC may have marked, by two bits of the input.
constexpr uint64_t kOffloadFlags[] = {0, RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD,
                                      RTE_MBUF_F_RX_L4_CKSUM_BAD};

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_normalised(const FlowKey& key) {
  FlowKey copy = key;
  return !normalise(copy) && copy == key;
}

bool is_ipv4_padded(const FlowAddress& address) {
  return std::all_of(address.begin() + 4, address.end(), [](uint8_t b) { return b == 0; });
}

void check_flow(const rte_mbuf* m, const ParsedPacket& parsed) {
  const PacketMeta& p = meta(m);
  const FlowKey& key = parsed.key;
  require(size_t{m->l2_len} + m->l3_len + m->l4_len + p.payload_len <= m->data_len);
  require(m->l2_len >= 14);
  require(key.family == (p.flags & kMetaIpv6 ? kFamilyIpv6 : kFamilyIpv4));
  require(m->l3_len >= (key.family == kFamilyIpv6 ? 40 : 20));
  require(parsed.ip_len >= m->l3_len && size_t{m->l2_len} + parsed.ip_len <= m->data_len);
  require(parsed.sender_end <= 1);
  require(is_normalised(key));
  if (key.family == kFamilyIpv4) {
    require(is_ipv4_padded(key.addr[0]) && is_ipv4_padded(key.addr[1]));
  }
  if (p.flags & kMetaTcp) {
    require(m->l4_len >= 20);
    if (parsed.kind == PacketKind::Flow) require(parsed.tcp.payload_len == p.payload_len);
  }
  require(((p.flags & kMetaIcmpError) != 0) == (parsed.kind == PacketKind::IcmpError));
}

void check_fragment(const rte_mbuf* m, const FragmentHeader& f) {
  require(f.length != 0 && size_t{f.data_offset} + f.length <= m->data_len);
  require(unsigned{f.offset} + f.length <= 65535);
  require(f.l3_offset == m->l2_len && f.l3_offset < f.data_offset);
  require(f.more || f.offset != 0);
  if (f.family == kFamilyIpv6) {
    require(f.fragment_header_offset + 8 == f.data_offset);
    require(f.next_header_offset >= f.l3_offset && f.next_header_offset < f.fragment_header_offset);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return -1;
  const uint8_t choice = *data;
  ++data;
  size = std::min<size_t>(size - 1, UINT16_MAX);
  // In a buffer of its exact length, so that the sanitizer sees a read behind it.
  const auto frame = std::make_unique<uint8_t[]>(size);
  std::copy_n(data, size, frame.get());

  rte_mbuf m{};
  m.buf_addr = frame.get();
  m.buf_len = m.data_len = static_cast<uint16_t>(size);
  m.pkt_len = static_cast<uint32_t>(size);
  m.nb_segs = 1;
  m.ol_flags = kOffloadFlags[choice >> 3 & 3];
  meta(&m).flags = choice & 0x20 ? kMetaReassembled : uint16_t{0};

  ParseOptions options;
  options.verify_ip_checksum = choice & 1;
  options.verify_by_flags = choice & 2;
  options.zone.per_vlan = choice & 4;
  options.zone.base = choice & 0x40 ? 4096 : 0;

  ParsedPacket parsed{};
  parse(&m, options, parsed);
  require((meta(&m).flags & kMetaReassembled) == (choice & 0x20 ? kMetaReassembled : 0));
  switch (parsed.kind) {
    case PacketKind::Flow:
    case PacketKind::IcmpError:
      check_flow(&m, parsed);
      break;
    case PacketKind::Fragment:
      check_fragment(&m, parsed.fragment);
      break;
    case PacketKind::Control:
      require(meta(&m).flags & kMetaControl);
      break;
    case PacketKind::Bad:
      require(parsed.reason != kNoReason);
      break;
    case PacketKind::Other:
      break;
  }
  return 0;
}

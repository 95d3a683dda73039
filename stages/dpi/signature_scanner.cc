// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_scanner.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ip.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "chain/packet_meta.h"

namespace sluice {
namespace {

PacketClass class_of(const PacketMeta& p) noexcept {
  if (p.flags & kMetaTcp) return PacketClass::Tcp;
  if (p.flags & kMetaUdp) return PacketClass::Udp;
  if (p.flags & (kMetaIcmpError | kMetaIcmpEcho)) return PacketClass::Icmp;
  // What remains has no ports that parse has seen, whatever its protocol says.
  const bool icmp = p.flow != nullptr && packet_class(p.flow->key.proto) == PacketClass::Icmp;
  return icmp ? PacketClass::Icmp : PacketClass::Other;
}

// What parse has found, read from the packet itself: the flow's key is that of
// the quoted flow where an ICMP error has one.
PacketEnds packet_ends(const rte_mbuf* m, PacketClass packets) noexcept {
  const PacketMeta& p = meta(m);
  PacketEnds ends{};
  ends.packet_class = packets;
  ends.ipv6 = (p.flags & kMetaIpv6) != 0;
  ends.has_ports = packets == PacketClass::Tcp || packets == PacketClass::Udp;
  const auto* ip = rte_pktmbuf_mtod_offset(m, const uint8_t*, m->l2_len);
  if (ends.ipv6) {
    ends.address[0] = ipv6_number(ip + offsetof(rte_ipv6_hdr, src_addr));
    ends.address[1] = ipv6_number(ip + offsetof(rte_ipv6_hdr, dst_addr));
  } else {
    ends.address[0] = ipv4_number(ip + offsetof(rte_ipv4_hdr, src_addr));
    ends.address[1] = ipv4_number(ip + offsetof(rte_ipv4_hdr, dst_addr));
  }
  if (ends.has_ports) {
    const uint8_t* l4 = ip + m->l3_len;
    ends.port[0] = static_cast<uint16_t>(l4[0] << 8 | l4[1]);
    ends.port[1] = static_cast<uint16_t>(l4[2] << 8 | l4[3]);
  }
  return ends;
}

PacketEnds flow_ends(const Flow& flow) noexcept {
  PacketEnds ends{};
  ends.packet_class = packet_class(flow.key.proto);
  ends.ipv6 = flow.key.family == kFamilyIpv6;
  ends.has_ports = ends.packet_class == PacketClass::Tcp || ends.packet_class == PacketClass::Udp;
  for (size_t i = 0; i < 2; ++i) {
    const uint8_t* bytes = flow.key.addr[i].data();
    ends.address[i] = ends.ipv6 ? ipv6_number(bytes) : ipv4_number(bytes);
    if (ends.has_ports) ends.port[i] = rte_be_to_cpu_16(flow.key.port[i]);
  }
  return ends;
}

// Keeps the `max` lowest indices in ascending order.
void keep(const SignatureSet& set, uint32_t index, SignatureMatch* out, unsigned max,
          unsigned& count) noexcept {
  unsigned at = count;
  while (at > 0 && out[at - 1].index > index) --at;
  if (at == max) return;
  if (count < max) ++count;
  std::move_backward(out + at, out + count - 1, out + count);
  const Signature& rule = set.rule(index);
  out[at] = {rule.sid, 1, rule.rev, rule.msg, rule.drop, index};
}

}  // namespace

SignatureScanner::SignatureScanner(std::shared_ptr<const SignatureSet> set)
    : set_(std::move(set)), found_bits_((set_->patterns() + 63) / 64), found_(set_->patterns()) {
  if (hs_valid_platform() != HS_SUCCESS) {
    throw std::runtime_error("signatures: Hyperscan cannot run on this processor");
  }
  hs_scratch_t* scratch = nullptr;
  for (size_t c = 0; c < kPacketClasses; ++c) {
    const hs_database_t* database = set_->database(static_cast<PacketClass>(c));
    if (database == nullptr) continue;
    // Grows what is there; on failure the old scratch has been freed or is kept.
    const hs_error_t error = hs_alloc_scratch(database, &scratch);
    if (error != HS_SUCCESS) {
      hs_free_scratch(scratch);
      throw std::runtime_error("signatures: Hyperscan has no scratch memory (error " +
                               std::to_string(error) + ")");
    }
  }
  scratch_.reset(scratch);
}

bool SignatureScanner::wants(const Flow& flow) const noexcept {
  return set_->may_fit(flow_ends(flow));
}

unsigned SignatureScanner::scan(const rte_mbuf* m, SignatureMatch* out, unsigned max) noexcept {
  const PacketMeta& p = meta(m);
  const PacketClass packets = class_of(p);
  if (m->l3_len == 0 || !set_->covers(packets)) return 0;

  const uint32_t offset = static_cast<uint32_t>(m->l2_len) + m->l3_len + m->l4_len;
  assert(offset + p.payload_len <= rte_pktmbuf_data_len(m));
  const hs_database_t* database = set_->database(packets);
  if (database != nullptr && p.payload_len != 0) {
    [[maybe_unused]] const hs_error_t error =
        hs_scan(database, rte_pktmbuf_mtod_offset(m, const char*, offset), p.payload_len, 0,
                scratch_.get(), on_match, this);
    assert(error == HS_SUCCESS);
  }

  const std::span<const uint32_t> unkeyed = set_->unkeyed(packets);
  if (found_count_ == 0 && unkeyed.empty()) return 0;
  const PacketEnds ends = packet_ends(m, packets);
  unsigned count = 0;
  const auto judge = [&](uint32_t index) {
    const Signature& rule = set_->rule(index);
    if (rule.wants_payload && p.payload_len == 0) return;
    if (complete(rule) && set_->header(rule).fits(ends)) keep(*set_, index, out, max, count);
  };
  for (const uint32_t index : unkeyed) judge(index);
  for (uint32_t i = 0; i < found_count_; ++i) {
    for (const uint32_t index : set_->keyed(found_[i])) judge(index);
  }
  forget();
  return count;
}

int SignatureScanner::on_match(unsigned id, unsigned long long, unsigned long long, unsigned,
                               void* scanner) noexcept {
  auto& self = *static_cast<SignatureScanner*>(scanner);
  if (self.found(id)) return 0;
  self.found_bits_[id / 64] |= uint64_t{1} << (id % 64);
  self.found_[self.found_count_++] = id;
  return 0;
}

bool SignatureScanner::complete(const Signature& rule) const noexcept {
  for (const uint32_t pattern : set_->required(rule)) {
    if (!found(pattern)) return false;
  }
  for (const uint32_t pattern : set_->forbidden(rule)) {
    if (found(pattern)) return false;
  }
  return true;
}

void SignatureScanner::forget() noexcept {
  for (uint32_t i = 0; i < found_count_; ++i) found_bits_[found_[i] / 64] = 0;
  found_count_ = 0;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/lane_hash.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ethdev.h>
#include <rte_thash.h>

#include <cstring>

namespace sluice {

#define SLUICE_RSS_4 0x6d, 0x5a, 0x6d, 0x5a
const uint8_t kRssKey[kRssKeyLen] = {SLUICE_RSS_4, SLUICE_RSS_4, SLUICE_RSS_4, SLUICE_RSS_4,
                                     SLUICE_RSS_4, SLUICE_RSS_4, SLUICE_RSS_4, SLUICE_RSS_4,
                                     SLUICE_RSS_4, SLUICE_RSS_4, SLUICE_RSS_4, SLUICE_RSS_4,
                                     SLUICE_RSS_4};
#undef SLUICE_RSS_4

namespace {

uint32_t word_at(const FlowAddress& a, unsigned word) noexcept {
  uint32_t w;
  std::memcpy(&w, a.data() + 4 * word, 4);
  return rte_be_to_cpu_32(w);
}

// Protocols whose ports count where rss_ports is set. Hardly any device hashes
// the ports of SCTP: there its flows go by their addresses.
struct PortHash {
  uint8_t proto;
  uint64_t functions;  // 0: in software only
};
constexpr PortHash kPortHashes[] = {
    {IPPROTO_TCP, RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP},
    {IPPROTO_UDP, RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP},
    {IPPROTO_SCTP, 0},
};

bool has_ports(const FlowKey& key, bool by_device) noexcept {
  for (const PortHash& hash : kPortHashes) {
    if (hash.proto == key.proto) return !by_device || hash.functions != 0;
  }
  return false;
}

uint32_t device_hash(const FlowKey& key, bool ports) noexcept {
  uint32_t words[9];
  unsigned n = 0;
  const unsigned per_address = key.family == kFamilyIpv4 ? 1 : 4;
  for (const FlowAddress& a : key.addr) {
    for (unsigned i = 0; i < per_address; ++i) words[n++] = word_at(a, i);
  }
  if (ports && has_ports(key, true)) {
    words[n++] = (uint32_t{rte_be_to_cpu_16(key.port[0])} << 16) | rte_be_to_cpu_16(key.port[1]);
  }
  return rte_softrss(words, n, kRssKey);
}

uint64_t mix(uint64_t h, uint64_t x) noexcept {
  h = (h ^ x) * 0xff51afd7ed558ccdull;
  return h ^ (h >> 32);
}

uint32_t software_hash(const FlowKey& key, bool ports) noexcept {
  uint64_t h = 0x9e3779b97f4a7c15ull ^ key.zone;
  for (const FlowAddress& a : key.addr) {
    uint64_t w[2];
    std::memcpy(w, a.data(), sizeof w);
    h = mix(mix(h, w[0]), w[1]);
  }
  if (ports && has_ports(key, false)) h = mix(h, (uint64_t{key.port[0]} << 16) | key.port[1]);
  return static_cast<uint32_t>(h);
}

}  // namespace

uint64_t rss_address_functions() noexcept {
  return RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER |
         RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;
}

uint64_t rss_port_functions() noexcept {
  uint64_t functions = 0;
  for (const PortHash& hash : kPortHashes) functions |= hash.functions;
  return functions;
}

unsigned LaneHash::lane_of(const FlowKey& key) const noexcept {
  if (lanes_ == 1) return 0;
  if (mode_ == RssMode::Software) return software_hash(key, ports_) % lanes_;
  return device_hash(key, ports_) % kRssTableSize % lanes_;
}

}  // namespace sluice

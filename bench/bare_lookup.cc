// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/bare_lookup.h"

#include <rte_ether.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "flowtable/flow_memory.h"

namespace sluice::bench {

namespace {

constexpr unsigned kEthernetLen = 14;
constexpr uint64_t kNow = 1'700'000'000'000'000'000;

// The five-tuple of a frame that is known to be UDP; returns the sender's end.
uint8_t read_key(rte_mbuf* m, FlowKey& key) noexcept {
  const auto* type = rte_pktmbuf_mtod_offset(m, const uint16_t*, 12);
  __m128i source, destination;
  const uint8_t* udp;
  uint8_t proto, family;
  if (*type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
    const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, kEthernetLen);
    source = _mm_cvtsi32_si128(static_cast<int>(ip->src_addr));
    destination = _mm_cvtsi32_si128(static_cast<int>(ip->dst_addr));
    proto = ip->next_proto_id;
    family = kFamilyIpv4;
    udp = reinterpret_cast<const uint8_t*>(ip + 1);
  } else {
    const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv6_hdr*, kEthernetLen);
    source =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(reinterpret_cast<const uint8_t*>(ip) + 8));
    destination = _mm_loadu_si128(
        reinterpret_cast<const __m128i*>(reinterpret_cast<const uint8_t*>(ip) + 24));
    proto = ip->proto;
    family = kFamilyIpv6;
    udp = reinterpret_cast<const uint8_t*>(ip + 1);
  }
  uint32_t ports;
  std::memcpy(&ports, udp, sizeof(ports));
  return make_key(key, source, destination, ports, 0, proto, family) ? 1 : 0;
}

FlowKey key_of(const Tuple& t, Family family) {
  FlowKey key{};
  const size_t at = family == Family::Ipv4 ? 0 : 12;
  if (family == Family::Ipv6) key.addr[0][0] = key.addr[1][0] = 0xfd;
  std::memcpy(key.addr[0].data() + at, &t.client, 4);
  std::memcpy(key.addr[1].data() + at, &t.server, 4);
  key.port[0] = t.client_port;
  key.port[1] = t.server_port;
  key.proto = 17;
  key.family = family == Family::Ipv4 ? kFamilyIpv4 : kFamilyIpv6;
  normalise(key);
  return key;
}

// What an IPv4-only table needs.
struct ShortKey {
  uint32_t addr[2];
  uint16_t port[2];
  uint16_t zone;
  uint8_t proto;
  uint8_t family;
};
static_assert(sizeof(ShortKey) == 16);

void shorten(const FlowKey& key, ShortKey& s) {
  std::memcpy(&s.addr[0], key.addr[0].data(), 4);
  std::memcpy(&s.addr[1], key.addr[1].data(), 4);
  std::memcpy(s.port, key.port, 8);
}

uint32_t ip_len(const rte_mbuf* m) {
  return m->pkt_len - kEthernetLen;
}

}  // namespace

BareLookup::BareLookup(const std::vector<Tuple>& tuples, Family family) {
  FlowTableOptions options;
  options.capacity =
      static_cast<uint32_t>(std::max<size_t>(1024, tuples.size() + tuples.size() / 20));
  options.seed = 1;
  options.tail_size = 96;  // as the four stages need
  table_ = std::make_unique<FlowTable>(options);
  for (unsigned i = 0; i < FlowTable::kMaxBurst; ++i) pointers_[i] = &keys_[i];
  for (const Tuple& t : tuples) {
    const FlowKey key = key_of(t, family);
    if (!table_->create(key, table_->hash(key), 0, kNow)) throw std::runtime_error("table full");
  }
}

void BareLookup::look_up(rte_mbuf** pkts, unsigned n) noexcept {
  uint8_t ends[FlowTable::kMaxBurst];
  uint64_t hashes[FlowTable::kMaxBurst];
  Flow* flows[FlowTable::kMaxBurst];
  for (unsigned i = 0; i < n; ++i) ends[i] = read_key(pkts[i], keys_[i]);
  table_->lookup_bulk(pointers_, n, kNow, hashes, flows);
  for (unsigned i = 0; i < n; ++i) {
    if (flows[i]) account(*flows[i], static_cast<Direction>(ends[i]), ip_len(pkts[i]), kNow);
  }
}

struct HashLookup::Impl {
  struct alignas(64) Entry {
    uint64_t packets[2], bytes[2], last_seen;
  };
  rte_hash* hash = nullptr;
  bool is_short;
  FlowMemory entries;
  Entry& entry(size_t i) { return reinterpret_cast<Entry*>(entries.data())[i]; }

  Impl(size_t count, bool short_keys)
      : is_short(short_keys), entries(count * sizeof(Entry), true, -1) {
    rte_hash_parameters p{};
    p.name = "bench_hash";
    p.entries = static_cast<uint32_t>(count + count / 8 + 64);  // it refuses keys before it is full
    p.key_len = is_short ? sizeof(ShortKey) : sizeof(FlowKey);
    p.hash_func = rte_hash_crc;
    hash = rte_hash_create(&p);
    if (!hash) throw std::runtime_error("no memory for rte_hash");
  }
  ~Impl() { rte_hash_free(hash); }
};

HashLookup::HashLookup(const std::vector<Tuple>& tuples, Family family)
    : impl_(std::make_unique<Impl>(tuples.size(), family == Family::Ipv4)) {
  for (size_t i = 0; i < tuples.size(); ++i) {
    const FlowKey key = key_of(tuples[i], family);
    ShortKey s;
    shorten(key, s);
    const void* k = impl_->is_short ? static_cast<const void*>(&s) : &key;
    if (rte_hash_add_key_data(impl_->hash, k, &impl_->entry(i)) != 0) {
      throw std::runtime_error("rte_hash is full");
    }
  }
}

HashLookup::~HashLookup() = default;

void HashLookup::look_up(rte_mbuf** pkts, unsigned n) noexcept {
  FlowKey keys[FlowTable::kMaxBurst];
  ShortKey shorts[FlowTable::kMaxBurst];
  uint8_t ends[FlowTable::kMaxBurst];
  const void* pointers[FlowTable::kMaxBurst];
  void* found[FlowTable::kMaxBurst];
  for (unsigned i = 0; i < n; ++i) {
    ends[i] = read_key(pkts[i], keys[i]);
    pointers[i] = &keys[i];
    if (impl_->is_short) {
      shorten(keys[i], shorts[i]);
      pointers[i] = &shorts[i];
    }
  }
  uint64_t hits = 0;
  rte_hash_lookup_bulk_data(impl_->hash, pointers, n, &hits, found);
  for (unsigned i = 0; i < n; ++i) __builtin_prefetch(found[i], 1);
  for (unsigned i = 0; i < n; ++i) {
    if (!((hits >> i) & 1)) continue;
    auto& entry = *static_cast<Impl::Entry*>(found[i]);
    ++entry.packets[ends[i]];
    entry.bytes[ends[i]] += ip_len(pkts[i]);
    entry.last_seen = kNow;
  }
}

}  // namespace sluice::bench

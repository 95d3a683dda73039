// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/traffic.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

namespace sluice::bench {

namespace {

constexpr uint16_t kEthernetLen = 14;
constexpr uint16_t kHeaderLen = kEthernetLen + sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);
constexpr uint16_t kSmallest = 60;             // 64 bytes on the wire with the FCS
constexpr uint16_t kWarmUp = kHeaderLen + 48;  // an NTP message
constexpr uint16_t kImix[12] = {60, 60, 590, 60, 60, 590, 60, 590, 60, 1514, 60, 590};

}  // namespace

std::vector<Tuple> make_tuples(unsigned count) {
  std::vector<Tuple> tuples;
  tuples.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    tuples.push_back(
        {rte_cpu_to_be_32(0x0a000000u + i % 0x00fffff0u), rte_cpu_to_be_32(0xc0000200u + i % 251),
         rte_cpu_to_be_16(static_cast<uint16_t>(1024 + i % 60000)), rte_cpu_to_be_16(123)});
  }
  std::mt19937_64 random(42);
  std::shuffle(tuples.begin(), tuples.end(), random);
  return tuples;
}

TrafficInput::TrafficInput(const std::vector<Tuple>& tuples, bool replies, rte_mempool* pool,
                           unsigned mbufs)
    : tuples_(tuples), replies_(replies) {
  const std::string name = std::string("bench_") + (replies ? "b" : "a") +
                           std::to_string(reinterpret_cast<uintptr_t>(this) & 0xffffff);
  free_ = rte_ring_create(name.c_str(), rte_align32pow2(mbufs + 1), SOCKET_ID_ANY,
                          RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (!free_) throw std::runtime_error("no ring for the benchmark's frames");
  // Replies start elsewhere, so that the directions of a flow do not meet.
  next_ = replies ? tuples_.size() / 2 : 0;
  for (unsigned i = 0; i < mbufs; ++i) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    if (!m) throw std::runtime_error("no mbuf for the benchmark's frames");
    auto* frame = rte_pktmbuf_mtod(m, uint8_t*);
    std::memset(frame, 0, 1514);
    frame[5] = 2;
    frame[0] = frame[6] = 2;
    frame[11] = 1;
    frame[12] = 0x08;
    auto* ip = rte_pktmbuf_mtod_offset(m, rte_ipv4_hdr*, kEthernetLen);
    ip->version_ihl = 0x45;
    ip->time_to_live = 64;
    ip->next_proto_id = 17;
    frame[kHeaderLen] = 0x23;  // NTP: version 4, client
    rte_ring_sp_enqueue(free_, m);
  }
}

TrafficInput::~TrafficInput() {
  void* m = nullptr;
  while (rte_ring_sc_dequeue(free_, &m) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
  rte_ring_free(free_);
}

void TrafficInput::begin_warm_up() noexcept {
  warm_up_ = true;
  endless_ = false;
  left_ = tuples_.size();
}

void TrafficInput::write_frame(rte_mbuf* m, const Tuple& tuple, uint16_t size) const noexcept {
  m->data_len = size;
  m->pkt_len = size;
  m->ol_flags = 0;
  auto* ip = rte_pktmbuf_mtod_offset(m, rte_ipv4_hdr*, kEthernetLen);
  auto* udp = rte_pktmbuf_mtod_offset(m, rte_udp_hdr*, kEthernetLen + sizeof(rte_ipv4_hdr));
  ip->total_length = rte_cpu_to_be_16(static_cast<uint16_t>(size - kEthernetLen));
  udp->dgram_len =
      rte_cpu_to_be_16(static_cast<uint16_t>(size - kEthernetLen - sizeof(rte_ipv4_hdr)));
  ip->src_addr = replies_ ? tuple.server : tuple.client;
  ip->dst_addr = replies_ ? tuple.client : tuple.server;
  udp->src_port = replies_ ? tuple.server_port : tuple.client_port;
  udp->dst_port = replies_ ? tuple.client_port : tuple.server_port;
}

uint16_t TrafficInput::receive(rte_mbuf** pkts, uint16_t n) noexcept {
  if (!endless_) {
    if (left_ == 0) return 0;
    n = static_cast<uint16_t>(std::min<uint64_t>(n, left_.load(std::memory_order_relaxed)));
  }
  n = static_cast<uint16_t>(
      rte_ring_sc_dequeue_burst(free_, reinterpret_cast<void**>(pkts), n, nullptr));
  for (unsigned i = 0; i < n; ++i) {
    rte_prefetch0(&tuples_[(next_ + 16) % tuples_.size()]);
    const uint16_t size = warm_up_                     ? kWarmUp
                          : mix_ == FrameMix::Smallest ? kSmallest
                                                       : kImix[sequence_++ % std::size(kImix)];
    write_frame(pkts[i], tuples_[next_], size);
    if (++next_ == tuples_.size()) next_ = 0;
  }
  if (!endless_) {
    left_.store(left_.load(std::memory_order_relaxed) - n, std::memory_order_release);
    if (left_ == 0) warm_up_ = false;
  }
  return n;
}

void TrafficInput::give_back(rte_mbuf** pkts, unsigned n) noexcept {
  rte_ring_sp_enqueue_bulk(free_, reinterpret_cast<void**>(pkts), n, nullptr);
}

}  // namespace sluice::bench

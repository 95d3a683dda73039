// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/traffic.h"

#include <rte_byteorder.h>
#include <rte_cycles.h>
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
constexpr uint16_t kFcs = 4;
constexpr unsigned kIpv6Source = kEthernetLen + 8, kIpv6Destination = kEthernetLen + 24;
constexpr uint16_t kNtpMessage = 48;
constexpr uint16_t kImixSizes[12] = {64, 64, 594, 64, 64, 594, 64, 594, 64, 1518, 64, 594};

constexpr uint16_t header_len(Family family) {
  return static_cast<uint16_t>(
      kEthernetLen + (family == Family::Ipv4 ? sizeof(rte_ipv4_hdr) : sizeof(rte_ipv6_hdr)) +
      sizeof(rte_udp_hdr));
}

void add(std::atomic<uint64_t>& sum, uint64_t cycles) noexcept {
  sum.store(sum.load(std::memory_order_relaxed) + cycles, std::memory_order_relaxed);
}

}  // namespace

std::vector<Tuple> make_tuples(unsigned count, unsigned set) {
  std::vector<Tuple> tuples;
  tuples.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    tuples.push_back({rte_cpu_to_be_32(0x0a000000u + i % 0x00fffff0u),
                      rte_cpu_to_be_32(0xc0000200u + (set << 8) + i % 251),
                      rte_cpu_to_be_16(static_cast<uint16_t>(1024 + i % 60000)),
                      rte_cpu_to_be_16(123)});
  }
  std::mt19937_64 random(42);
  std::shuffle(tuples.begin(), tuples.end(), random);
  return tuples;
}

TrafficInput::TrafficInput(const std::vector<Tuple>& tuples, Family family, bool replies,
                           rte_mempool* pool, unsigned mbufs)
    : tuples_(tuples), family_(family), replies_(replies) {
  static std::atomic<unsigned> number{0};
  const std::string name = "bench_" + std::to_string(number++);
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
    frame[0] = frame[6] = 2;
    frame[5] = 2;
    frame[11] = 1;
    if (family_ == Family::Ipv4) {
      frame[12] = 0x08;
      auto* ip = rte_pktmbuf_mtod_offset(m, rte_ipv4_hdr*, kEthernetLen);
      ip->version_ihl = 0x45;
      ip->time_to_live = 64;
      ip->next_proto_id = 17;
    } else {
      frame[12] = 0x86;
      frame[13] = 0xdd;
      auto* ip = rte_pktmbuf_mtod_offset(m, rte_ipv6_hdr*, kEthernetLen);
      ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
      ip->hop_limits = 64;
      ip->proto = 17;
      frame[kIpv6Source] = frame[kIpv6Destination] = 0xfd;
    }
    frame[header_len(family_)] = 0x23;  // NTP: version 4, client
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
  const uint32_t source = replies_ ? tuple.server : tuple.client;
  const uint32_t destination = replies_ ? tuple.client : tuple.server;
  const auto udp_len = static_cast<uint16_t>(size - header_len(family_) + sizeof(rte_udp_hdr));
  if (family_ == Family::Ipv4) {
    auto* ip = rte_pktmbuf_mtod_offset(m, rte_ipv4_hdr*, kEthernetLen);
    ip->total_length = rte_cpu_to_be_16(static_cast<uint16_t>(size - kEthernetLen));
    ip->src_addr = source;
    ip->dst_addr = destination;
  } else {
    auto* ip = rte_pktmbuf_mtod_offset(m, rte_ipv6_hdr*, kEthernetLen);
    ip->payload_len = rte_cpu_to_be_16(udp_len);
    auto* frame = rte_pktmbuf_mtod(m, uint8_t*);
    std::memcpy(frame + kIpv6Source + 12, &source, sizeof(source));
    std::memcpy(frame + kIpv6Destination + 12, &destination, sizeof(destination));
  }
  auto* udp = rte_pktmbuf_mtod_offset(m, rte_udp_hdr*, header_len(family_) - sizeof(rte_udp_hdr));
  udp->dgram_len = rte_cpu_to_be_16(udp_len);
  udp->src_port = replies_ ? tuple.server_port : tuple.client_port;
  udp->dst_port = replies_ ? tuple.client_port : tuple.server_port;
}

uint16_t TrafficInput::next_size() noexcept {
  if (warm_up_) return static_cast<uint16_t>(header_len(family_) + kNtpMessage);
  const uint16_t size =
      frame_size_ != kImix ? frame_size_ : kImixSizes[sequence_++ % std::size(kImixSizes)];
  return std::max(static_cast<uint16_t>(size - kFcs), header_len(family_));
}

void TrafficInput::set_endless(bool endless) noexcept {
  if (endless) {
    begin_tsc_ = rte_rdtsc();
    sent_ = opened_ = 0;
  }
  endless_ = endless;
}

// How many of `n` packets have come by now.
uint16_t TrafficInput::due(uint16_t n, uint64_t now_tsc) noexcept {
  const double seconds =
      static_cast<double>(now_tsc - begin_tsc_) / static_cast<double>(rte_get_tsc_hz());
  const auto come = static_cast<uint64_t>(seconds * rate_);
  return static_cast<uint16_t>(std::min<uint64_t>(n, come - std::min(come, sent_)));
}

// Makes the frame a flow's first, with the payload that nDPI knows.
void TrafficInput::open_flow(rte_mbuf* m) noexcept {
  const uint32_t number = stranger_++;
  const Tuple tuple = {rte_cpu_to_be_32(0x0aff0000u + (number & 0xffff)),
                       rte_cpu_to_be_32(0xc6336400u + (number >> 16) % 251),
                       rte_cpu_to_be_16(static_cast<uint16_t>(1024 + number / 3 % 60000)),
                       rte_cpu_to_be_16(123)};
  write_frame(m, tuple, static_cast<uint16_t>(header_len(family_) + kNtpMessage));
}

uint16_t TrafficInput::receive(rte_mbuf** pkts, uint16_t n) noexcept {
  const uint64_t begin = rte_rdtsc();
  const bool endless = endless_.load(std::memory_order_acquire);
  if (!endless) {
    const uint64_t left = left_.load(std::memory_order_relaxed);
    if (left == 0) return 0;
    n = static_cast<uint16_t>(std::min<uint64_t>(n, left));
  } else if (rate_ != 0) {
    n = due(n, begin);
    if (n == 0) return 0;
  }
  n = static_cast<uint16_t>(
      rte_ring_sc_dequeue_burst(free_, reinterpret_cast<void**>(pkts), n, nullptr));
  for (unsigned i = 0; i < n; ++i) {
    rte_prefetch0(tuples_.data() + next_ + 32);
    write_frame(pkts[i], tuples_[next_], next_size());
    if (++next_ == tuples_.size()) next_ = 0;
  }
  if (endless) {
    sent_ += n;
    if (n != 0 && new_flows_ != 0) {
      const double seconds =
          static_cast<double>(begin - begin_tsc_) / static_cast<double>(rte_get_tsc_hz());
      if (seconds * new_flows_ > static_cast<double>(opened_)) {
        open_flow(pkts[0]);
        ++opened_;
      }
    }
  } else {
    left_.store(left_.load(std::memory_order_relaxed) - n, std::memory_order_release);
    if (left_ == 0) warm_up_ = false;
  }
  if (n != 0) add(receive_cycles_, rte_rdtsc() - begin);
  return n;
}

void TrafficInput::give_back(rte_mbuf** pkts, unsigned n) noexcept {
  const uint64_t begin = rte_rdtsc();
  rte_ring_sp_enqueue_bulk(free_, reinterpret_cast<void**>(pkts), n, nullptr);
  add(returned_, n);
  add(return_cycles_, rte_rdtsc() - begin);
}

}  // namespace sluice::bench

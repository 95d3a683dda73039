// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Ports of the chain benchmark: frames of many flows in random order, made in
// place from a small set of mbufs, so that their headers are in cache as a
// NIC's descriptors with DDIO leave them. What the making costs is counted
// apart: it stands for the device and is no cost of the chain.
#pragma once

#include <rte_ring.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "chain/port_io.h"

struct rte_mempool;

namespace sluice::bench {

struct Tuple {
  uint32_t client;  // network byte order; IPv6: the last four bytes
  uint32_t server;
  uint16_t client_port;
  uint16_t server_port;
};

// `count` different UDP flows to port 123 in random order; the same each time.
// Sets of different numbers have no flow in common.
std::vector<Tuple> make_tuples(unsigned count, unsigned set = 0);

enum class Family : uint8_t { Ipv4, Ipv6 };

// Frame length with the FCS, 64 .. 1518, or the simple IMIX (7 : 4 : 1 of 64,
// 594 and 1518 bytes).
inline constexpr uint16_t kImix = 0;

// Frames of one direction of the flows. One worker receives; what another
// transmits comes back over a ring.
class TrafficInput : public Input {
 public:
  TrafficInput(const std::vector<Tuple>& tuples, Family family, bool replies, rte_mempool* pool,
               unsigned mbufs);
  ~TrafficInput() override;

  uint16_t receive(rte_mbuf** pkts, uint16_t n) noexcept override;

  // Only between measurements, while the worker rests.
  void set_size(uint16_t frame_size) noexcept { frame_size_ = frame_size; }
  // Each flow once, with the payload that nDPI knows at sight (an NTP request),
  // then silence until set_endless().
  void begin_warm_up() noexcept;
  bool warm() const noexcept { return left_ == 0; }
  // With a rate packets come evenly, and those that find nobody wait.
  void set_endless(bool endless) noexcept;
  void set_rate(double packets_a_second) noexcept { rate_ = packets_a_second; }
  // So many packets a second open a flow of their own.
  void set_new_flows(unsigned a_second) noexcept { new_flows_ = a_second; }

  void give_back(rte_mbuf** pkts, unsigned n) noexcept;

  // Frames that came back. Any thread.
  uint64_t returned() const noexcept { return returned_.load(std::memory_order_relaxed); }
  // TSC cycles spent here, receiving and taking back. Any thread.
  uint64_t io_cycles() const noexcept {
    return receive_cycles_.load(std::memory_order_relaxed) +
           return_cycles_.load(std::memory_order_relaxed);
  }

 private:
  void write_frame(rte_mbuf* m, const Tuple& tuple, uint16_t size) const noexcept;
  uint16_t next_size() noexcept;
  uint16_t due(uint16_t n, uint64_t now_tsc) noexcept;
  void open_flow(rte_mbuf* m) noexcept;

  const std::vector<Tuple>& tuples_;
  const Family family_;
  const bool replies_;
  uint16_t frame_size_ = 64;
  bool warm_up_ = false;
  std::atomic<bool> endless_{false};
  std::atomic<uint64_t> left_{0};
  double rate_ = 0;                 // packets a second; 0: as many as are taken
  unsigned new_flows_ = 0;          // a second
  uint64_t begin_tsc_ = 0;          // of the endless traffic
  uint64_t sent_ = 0, opened_ = 0;  // since then
  uint32_t stranger_ = 0;           // number of the next new flow
  size_t next_ = 0;
  unsigned sequence_ = 0;
  rte_ring* free_ = nullptr;
  alignas(64) std::atomic<uint64_t> receive_cycles_{0};
  // By the transmitting worker.
  alignas(64) std::atomic<uint64_t> return_cycles_{0};
  std::atomic<uint64_t> returned_{0};
};

// Gives every frame back to the input that it came from.
class TrafficOutput : public Output {
 public:
  explicit TrafficOutput(TrafficInput& origin) : origin_(origin) {}
  uint16_t transmit(rte_mbuf** pkts, uint16_t n) noexcept override {
    origin_.give_back(pkts, n);
    return n;
  }

 private:
  TrafficInput& origin_;
};

}  // namespace sluice::bench

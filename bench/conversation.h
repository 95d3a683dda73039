// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// TCP connections without end, each with one HTTP request and its answer, from
// handshake to close: two ports whose frames come in the connections' order.
#pragma once

#include <rte_ring.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "chain/port_io.h"

struct rte_mempool;

namespace sluice::bench {

// One frame of a connection as it is on the wire, but for addresses and ports.
struct Step {
  bool reply;
  std::vector<uint8_t> frame;  // Ethernet, IPv4, TCP, payload
};

// SYN, SYN+ACK, ACK, request, answer, FIN, FIN, ACK.
std::vector<Step> http_steps();

// One UDP datagram: a flow that is nothing but new.
std::vector<Step> datagram_steps();

// A wire with the four stages, or without dpi, that lets them through by the last of
// so many rules.
std::string http_toml(bool dpi, unsigned rules = 1);

class Conversations;

class ConversationPort : public Input, public Output {
 public:
  ConversationPort(Conversations& all, bool replies) : all_(all), replies_(replies) {}
  uint16_t receive(rte_mbuf** pkts, uint16_t n) noexcept override;
  uint16_t transmit(rte_mbuf** pkts, uint16_t n) noexcept override;

 private:
  Conversations& all_;
  const bool replies_;
};

// Used by one worker, which polls both ports. 32 connections are under way at a time.
class Conversations {
 public:
  explicit Conversations(rte_mempool* pool, std::vector<Step> steps = http_steps());
  ~Conversations();

  ConversationPort& client() noexcept { return client_; }
  ConversationPort& server() noexcept { return server_; }

  void set_running(bool running) noexcept { running_ = running; }
  // Any thread.
  uint64_t connections() const noexcept { return connections_.load(std::memory_order_relaxed); }
  uint64_t io_cycles() const noexcept { return io_cycles_.load(std::memory_order_relaxed); }

 private:
  friend class ConversationPort;

  static constexpr unsigned kTogether = 32;

  uint16_t take(bool replies, rte_mbuf** pkts, uint16_t n) noexcept;
  void write(rte_mbuf* m, const Step& step, uint32_t connection) const noexcept;

  const std::vector<Step> steps_;
  ConversationPort client_, server_;
  rte_ring* free_;
  std::atomic<bool> running_{false};
  uint32_t first_ = 0;    // number of the first connection under way
  unsigned step_ = 0;     // of all of them
  unsigned written_ = 0;  // of this step
  std::atomic<uint64_t> connections_{0};
  std::atomic<uint64_t> io_cycles_{0};
};

}  // namespace sluice::bench

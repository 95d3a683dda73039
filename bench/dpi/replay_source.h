// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A capture as endless traffic whose flows are new in every lap: the address of
// each connection's client moves on from lap to lap, its checksums with it, and
// nothing else does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::bench {

// Longest frame that is replayed, without the FCS.
inline constexpr uint16_t kLongestFrame = 1514;

// One frame of the capture, and where in it the client's address is.
struct ReplayFrame {
  uint32_t at;  // of its bytes in the capture's memory
  uint16_t length;
  uint16_t address;      // of the four bytes that move: all of IPv4, of IPv6 the second four
  uint16_t ip_checksum;  // 0: IPv6 has none
  uint16_t l4_checksum;  // 0: UDP without one
  bool v6;
  bool udp;
  bool opens;  // the first frame of its flow
};

class ReplaySource {
 public:
  // Reads `file`: pcap, Ethernet, only whole and unfragmented TCP and UDP over IPv4 or
  // IPv6 without extension headers (bench/dpi/prepare.py makes such). So many copies of
  // it are under way at a time, evenly staggered, each in turn for kTurn frames.
  // Throws std::runtime_error naming what is wrong with the file.
  ReplaySource(const std::string& file, unsigned copies);

  // Of one lap.
  size_t frames() const noexcept { return frames_.size(); }
  uint64_t bytes() const noexcept { return bytes_.size(); }
  unsigned flows() const noexcept { return flows_; }

  // The frame whose turn it is, and the lap that its copy is in: counted over all
  // copies, so that no two laps have a flow in common. Laps from 2^24 / kStride on
  // may meet the address of another client.
  const ReplayFrame& next(uint32_t& lap) noexcept;

  // The frame as it is in that lap. `to` has room for frame.length bytes.
  void write(uint8_t* to, const ReplayFrame& frame, uint32_t lap) const noexcept;

  static constexpr unsigned kTurn = 32;
  // Odd, so that the low 24 bits take all their values before one comes again.
  static constexpr uint32_t kStride = 7919;

 private:
  struct Copy {
    size_t next = 0;
    uint32_t lap = 0;
  };

  void add(const uint8_t* bytes, uint32_t length);
  void turn() noexcept;

  std::vector<uint8_t> bytes_;
  std::vector<ReplayFrame> frames_;
  unsigned flows_ = 0;
  std::vector<Copy> copies_;
  size_t active_ = 1;  // copies that have begun
  size_t current_ = 0;
  unsigned left_ = kTurn;    // of the current copy's turn
  uint64_t first_sent_ = 0;  // frames of the first copy, up to the last one's beginning
  uint32_t laps_ = 1;        // begun
};

}  // namespace sluice::bench

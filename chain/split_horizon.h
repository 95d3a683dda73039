// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Split horizon on a wire: a frame that comes in on one side from a MAC address
// that is on the other is not passed on. Some NICs hand a VF its own broadcasts
// back, a promiscuous one perhaps all that it sends; each would go round for
// ever, and every host's next frame would join it.
//
// Each frame received tells where its sender is. An address is where it was last
// heard; it is heard elsewhere only after it has been silent for kHold_ns, so that
// a host that really moves is cut off for at most that long, while a frame that
// comes back does so within microseconds of its sender's. The outermost VLAN id
// belongs to the address: a switch behind the wire may well carry a host's frames
// back in another VLAN.
//
// One table a lane and wire, written and read by the lane's first worker alone.
// A frame and its copy have the same bytes, so the same hash: they meet in one lane.
// The table has a fixed size; where more hosts than that speak within kHold_ns,
// the one heard longest ago is forgotten first, and a copy of its frame goes round
// once more, not for ever.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>
#include <memory>

namespace sluice {

class SplitHorizon {
 public:
  static constexpr uint64_t kHold_ns = 1'000'000'000;
  static constexpr unsigned kWays = 4;       // entries of a bucket, one cache line
  static constexpr unsigned kBuckets = 512;  // hosts: 2048; 32 KiB

  // `seed`: not to be guessed from outside, or single buckets can be filled.
  explicit SplitHorizon(uint64_t seed);

  // Whether a frame from `side` (0 or 1) may pass; learns where its sender is.
  // `key`: of source_key(). `now_ns` never steps back by more than kHold_ns.
  bool admit(uint64_t key, unsigned side, uint64_t now_ns) noexcept;

  // The sender's address and outermost VLAN id. 0, which no address has, for a
  // frame that names no sender: too short, a group or nobody as its source.
  static uint64_t source_key(const rte_mbuf* m) noexcept {
    constexpr uint64_t kGroup = 1, kMac = (uint64_t{1} << 48) - 1;
    if (m->data_len < 14) [[unlikely]]
      return 0;
    const auto* frame = rte_pktmbuf_mtod(m, const uint8_t*);
    uint64_t word;  // six bytes of address, two of type
    std::memcpy(&word, frame + 6, sizeof word);
    const uint64_t mac = word & kMac;
    if ((mac & kGroup) != 0) [[unlikely]]
      return 0;
    const auto type = static_cast<uint16_t>(word >> 48);
    if (type != kTypeVlan && type != kTypeQinq) [[likely]]
      return mac;
    return m->data_len < 18 ? 0 : with_vlan(mac, frame);
  }

 private:
  // Types as they lie in a frame.
  static constexpr uint16_t kTypeVlan = 0x0081, kTypeQinq = 0xa888;
  static constexpr uint64_t kSide = uint64_t{1} << 63;

  static uint64_t with_vlan(uint64_t mac, const uint8_t* frame) noexcept {
    const uint64_t id = (frame[14] & 0x0fu) << 8 | frame[15];
    return mac == 0 ? 0 : mac | id << 48;
  }

  struct Entry {
    uint64_t key = 0;  // 0: free; the top bit is the side
    uint64_t heard_ns = 0;
  };
  struct alignas(64) Bucket {
    Entry ways[kWays];
  };
  static_assert(sizeof(Bucket) == 64);

  const uint64_t seed_;
  std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace sluice

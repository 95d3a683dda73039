// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Split horizon on a wire: a frame that comes in on one side from a MAC address
// that is on the other is not passed on. Some NICs hand a VF its own broadcasts
// back, a promiscuous one perhaps all that it sends; each would go round for
// ever, and every host's next frame would join it.
//
// Theory of operation: each frame received tells where its sender is, which is known
// until it has been silent for kHold_ns; what comes back does so within microseconds.
// The outermost VLAN id belongs to the address: a switch behind the wire may well carry
// a host's frames back in another VLAN.
//
// Anybody can write another's address into a frame, so an address alone must not cut
// off whom it belongs to. Each frame of a host answers for one that may come back on
// the other side, kMaxCredit at most. From the first that does, the address is disputed:
// frames are now compared, and what comes in byte for byte as it was heard on the other
// side is held back, nothing else. (The fields that tell frames apart are within the
// first kCompared bytes, or summed up there.) So a dispute costs whoever is right
// kMaxCredit frames, however long it goes on, and ends with kDispute_ns of peace.
//
// One table a lane and wire, written and read by the lane's first worker alone.
// A frame and its copy have the same bytes, so the same hash: they meet in one lane.
// The table has a fixed size; where more hosts than that speak within kHold_ns,
// the one heard longest ago is forgotten first, and a copy of its frame goes round
// once more, not for ever.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

namespace sluice {

class SplitHorizon {
 public:
  static constexpr uint64_t kHold_ns = 100'000'000;
  static constexpr uint64_t kDispute_ns = 10'000'000'000;
  static constexpr unsigned kMaxCredit = 64;
  static constexpr unsigned kCompared = 96;  // bytes of a frame: two tags, IPv6, TCP
  static constexpr unsigned kWays = 4;       // entries of a bucket, one cache line
  static constexpr unsigned kBuckets = 512;  // hosts: 2048; 32 KiB
  static constexpr unsigned kMarks = 2048;   // frames of disputed addresses; 16 KiB

  // `seed`: not to be guessed from outside, or single buckets can be filled.
  explicit SplitHorizon(uint64_t seed);

  enum class Passage : uint8_t {
    Refused,
    Passes,
    AllPass,  // and so do neighbours in the burst with the same key
  };
  // Whether a frame from `side` (0 or 1) may pass; learns where its sender is.
  // `key`: of source_key(m).
  Passage admit(const rte_mbuf* m, uint64_t key, unsigned side, uint64_t now_ns) noexcept;

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

  // ---- any thread ----

  // How often an address has been heard on the side where it was not while it was heard
  // on the other: two hosts have it, one forges it, or it moved fast. And the last such
  // key, 0 for none yet.
  uint64_t disputes() const noexcept { return disputes_.load(std::memory_order_relaxed); }
  uint64_t disputed_key() const noexcept { return disputed_key_.load(std::memory_order_relaxed); }

 private:
  // Types as they lie in a frame.
  static constexpr uint16_t kTypeVlan = 0x0081, kTypeQinq = 0xa888;
  static constexpr uint64_t kSide = uint64_t{1} << 63;
  // Times are kept in ticks, that of the last dispute in coarse ones; differences count,
  // so that it matters little when they begin again at 0.
  static constexpr unsigned kTickShift = 16;  // 66 us: 40 bits for 2.3 years
  static constexpr unsigned kCoarse = 6;      // 4 ms: 16 bits for 275 s
  static constexpr uint64_t kTickMask = (uint64_t{1} << 40) - 1;
  static constexpr int64_t kHold = kHold_ns >> kTickShift;
  static constexpr uint64_t kDispute = kDispute_ns >> (kTickShift + kCoarse);

  static uint64_t with_vlan(uint64_t mac, const uint8_t* frame) noexcept {
    const uint64_t id = (frame[14] & 0x0fu) << 8 | frame[15];
    return mac == 0 ? 0 : mac | id << 48;
  }

  struct Entry {
    uint64_t key = 0;            // 0: free; the top bit is the side
    uint64_t heard : 40 = 0;     // tick
    uint64_t credit : 8 = 0;     // frames that may yet come back
    uint64_t disputed : 16 = 0;  // coarse tick in which it last was; see settle()
  };
  struct alignas(64) Bucket {
    Entry ways[kWays];
  };
  static_assert(sizeof(Bucket) == 64);
  // A frame of a disputed address: what it looked like, and on which side.
  struct Mark {
    uint32_t print = 0, tick = 0;
  };
  struct alignas(32) MarkSet {
    Mark ways[kWays];
  };

  // Ticks since it was heard; negative if the clock has stepped back.
  static int64_t silence(const Entry& entry, uint64_t now) noexcept {
    return static_cast<int64_t>((now - entry.heard) << 24) >> 24;
  }
  static bool is_disputed(const Entry& entry, uint64_t now) noexcept {
    return static_cast<uint16_t>((now >> kCoarse) - entry.disputed) < kDispute;
  }
  // Written with every frame of an address that is not: so it never comes round to a
  // dispute that was none, but behind minutes of silence, where that costs a few cycles.
  static void settle(Entry& entry, uint64_t now) noexcept {
    entry.disputed = static_cast<uint16_t>((now >> kCoarse) - kDispute);
  }

  static void dispute(Entry& entry, uint64_t now) noexcept {
    entry.disputed = static_cast<uint16_t>(now >> kCoarse);
  }

  Passage heard_again(Entry& entry, const rte_mbuf* m, unsigned side, uint64_t now) noexcept;
  Passage heard_elsewhere(Entry& entry, const rte_mbuf* m, unsigned side, uint64_t now) noexcept;
  uint32_t print(const rte_mbuf* m, unsigned side) const noexcept;
  void mark(uint32_t print, uint64_t now) noexcept;
  bool is_marked(uint32_t print, uint64_t now) const noexcept;
  MarkSet& set_of(uint32_t print) const noexcept {
    return marks_[print >> 1 & (kMarks / kWays - 1)];
  }

  const uint64_t seed_;
  std::unique_ptr<Bucket[]> buckets_;
  std::unique_ptr<MarkSet[]> marks_;
  std::atomic<uint64_t> disputes_{0}, disputed_key_{0};
};

// The disputes on one wire, as one lane saw them.
struct WireDisputes {
  unsigned port = 0;  // of the wire's ends the one where the address was heard last
  uint64_t key = 0;   // as SplitHorizon::source_key()
  uint64_t count = 0;
};

}  // namespace sluice

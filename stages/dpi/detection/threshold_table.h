// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Counts of matches by rule and host, for `threshold` and `detection_filter`,
// and bits by host, for `xbits`. A lane has its own: hosts whose flows lie in
// several lanes are counted in each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "stages/dpi/detection/packet_facts.h"
#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_header.h"

namespace sluice::rules {

// Who is counted: a rule and what it tracks.
struct TrackKey {
  Ipv6Number first = 0;   // an address, IPv4 in its low 32 bits; 0: not tracked
  Ipv6Number second = 0;  // of a pair
  uint64_t number = 0;    // of the rule or bit, with the kind of the key
  bool operator==(const TrackKey&) const noexcept = default;
};

// A table of fixed size: a key has a few places of which the one that expires
// first gives way. One worker.
template <typename Value>
class TrackTable {
 public:
  // `entries`: a power of two. Throws std::bad_alloc.
  explicit TrackTable(size_t entries) : mask_(entries - 1), slots_(new Slot[entries]()) {}

  // The value kept for the key and not yet expired at `now_ns`, else null.
  Value* find(const TrackKey& key, uint64_t now_ns) noexcept {
    Slot* slot = known(key);
    return slot != nullptr && slot->until_ns > now_ns ? &slot->value : nullptr;
  }
  // A zeroed value kept until `until_ns`; `evicted` if another that had not
  // expired went for it.
  Value& insert(const TrackKey& key, uint64_t now_ns, uint64_t until_ns, bool& evicted) noexcept {
    Slot* place = known(key);
    evicted = false;
    if (place == nullptr) {
      place = &at(key, 0);
      for (size_t i = 1; i < kWays; ++i) {
        if (at(key, i).until_ns < place->until_ns) place = &at(key, i);
      }
      evicted = place->until_ns > now_ns;
    }
    *place = {key, until_ns, {}};
    return place->value;
  }
  void erase(const TrackKey& key) noexcept {
    if (Slot* slot = known(key)) slot->until_ns = 0;
  }

 private:
  static constexpr size_t kWays = 8;
  struct Slot {
    TrackKey key;
    uint64_t until_ns;
    Value value;
  };
  Slot& at(const TrackKey& key, size_t way) noexcept { return slots_[(hash(key) + way) & mask_]; }
  Slot* known(const TrackKey& key) noexcept {
    for (size_t i = 0; i < kWays; ++i) {
      if (at(key, i).key == key) return &at(key, i);
    }
    return nullptr;
  }
  static uint64_t mix(uint64_t x) noexcept {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93;
    return x ^ x >> 32;
  }
  static uint64_t hash(const TrackKey& k) noexcept {
    uint64_t h = mix(k.number);
    for (const Ipv6Number n : {k.first, k.second}) {
      h = mix(h ^ static_cast<uint64_t>(n));
      h = mix(h ^ static_cast<uint64_t>(n >> 64));
    }
    return h;
  }

  uint64_t mask_;
  std::unique_ptr<Slot[]> slots_;
};

class ThresholdTable {
 public:
  explicit ThresholdTable(size_t entries) : table_(entries) {}

  // A rule has matched. detection_filter: whether it counts as a match at all;
  // the others: whether an event is due (Suricata's documentation, "Thresholding
  // Keywords"). `lost` counts entries that had to give way.
  bool matched(const RuleThreshold& threshold, uint32_t rule, const PacketEnds& ends,
               const FlowIdentity& flow, uint64_t now_ns, uint64_t& lost) noexcept;

 private:
  struct Count {
    uint64_t since_ns;
    uint32_t matches;
  };
  TrackTable<Count> table_;
};

class XbitTable {
 public:
  explicit XbitTable(size_t entries) : table_(entries) {}

  bool holds(uint32_t bit, RuleXbit::Track track, const PacketEnds& ends, uint64_t now_ns) noexcept;
  void set(uint32_t bit, RuleXbit::Track track, const PacketEnds& ends, uint64_t now_ns,
           uint32_t expire_s, uint64_t& lost) noexcept;
  void unset(uint32_t bit, RuleXbit::Track track, const PacketEnds& ends) noexcept;

 private:
  TrackTable<uint8_t> table_;
};

}  // namespace sluice::rules

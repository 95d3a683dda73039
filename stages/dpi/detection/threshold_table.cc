// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/threshold_table.h"

#include <algorithm>

namespace sluice::rules {

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TrackKey key_of(const RuleThreshold& threshold, uint32_t rule, const PacketEnds& ends,
                const FlowIdentity& flow) noexcept {
  using Track = RuleThreshold::Track;
  TrackKey key;
  const auto filter = threshold.kind == RuleThreshold::Kind::DetectionFilter ? 1u : 0u;
  key.number = uint64_t{rule} << 8 | filter << 7 | static_cast<uint64_t>(threshold.track);
  switch (threshold.track) {
    case Track::Source:
      key.first = ends.address[0];
      break;
    case Track::Destination:
      key.first = ends.address[1];
      break;
    case Track::Both:
      key.first = ends.address[0];
      key.second = ends.address[1];
      break;
    case Track::Flow:
      key.first = flow.entry;
      key.second = flow.began_ns;
      break;
    case Track::Rule:
      break;
  }
  return key;
}

TrackKey key_of(uint32_t bit, RuleXbit::Track track, const PacketEnds& ends) noexcept {
  TrackKey key;
  key.number = uint64_t{bit} << 8 | (track == RuleXbit::Track::Pair ? 1 : 0);
  switch (track) {
    case RuleXbit::Track::Source:
      key.first = ends.address[0];
      break;
    case RuleXbit::Track::Destination:
      key.first = ends.address[1];
      break;
    case RuleXbit::Track::Pair:
      key.first = std::min(ends.address[0], ends.address[1]);
      key.second = std::max(ends.address[0], ends.address[1]);
      break;
  }
  return key;
}

}  // namespace

bool ThresholdTable::matched(const RuleThreshold& threshold, uint32_t rule, const PacketEnds& ends,
                             const FlowIdentity& flow, uint64_t now_ns, uint64_t& lost) noexcept {
  const TrackKey key = key_of(threshold, rule, ends, flow);
  Count* count = table_.find(key, now_ns);
  if (count == nullptr) {
    bool evicted = false;
    count = &table_.insert(key, now_ns, now_ns + threshold.seconds * kSecond, evicted);
    count->since_ns = now_ns;
    if (evicted) ++lost;
  }
  ++count->matches;
  switch (threshold.kind) {
    case RuleThreshold::Kind::Limit:
      return count->matches <= threshold.count;
    case RuleThreshold::Kind::Threshold:
      if (count->matches < threshold.count) return false;
      count->matches = 0;
      return true;
    case RuleThreshold::Kind::Both:
      return count->matches == threshold.count;
    case RuleThreshold::Kind::DetectionFilter:
      return count->matches > threshold.count;
  }
  return true;
}

bool XbitTable::holds(uint32_t bit, RuleXbit::Track track, const PacketEnds& ends,
                      uint64_t now_ns) noexcept {
  return table_.find(key_of(bit, track, ends), now_ns) != nullptr;
}

void XbitTable::set(uint32_t bit, RuleXbit::Track track, const PacketEnds& ends, uint64_t now_ns,
                    uint32_t expire_s, uint64_t& lost) noexcept {
  bool evicted = false;
  table_.insert(key_of(bit, track, ends), now_ns, now_ns + expire_s * kSecond, evicted);
  if (evicted) ++lost;
}

void XbitTable::unset(uint32_t bit, RuleXbit::Track track, const PacketEnds& ends) noexcept {
  table_.erase(key_of(bit, track, ends));
}

}  // namespace sluice::rules

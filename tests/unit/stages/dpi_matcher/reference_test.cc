// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Random contents with random modifiers over short buffers of few letters,
// against what the modifiers mean: there is an assignment of places to contents
// that fits them all.
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rule_items.h"

namespace sluice::rules {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// Tries every place of every content.
class Reference {
 public:
  Reference(const Items& items, std::string_view buffer) : items_(items), buffer_(buffer) {}
  bool holds() { return from(0, 0); }

 private:
  bool there(const RuleContent& c, int64_t at, int64_t previous) const {
    const auto size = static_cast<int64_t>(c.bytes.size());
    const auto end = static_cast<int64_t>(buffer_.size());
    if (at < 0 || at + size > end) return false;
    if (c.offset && at < c.offset->value) return false;
    if (c.depth && at + size > (c.offset ? c.offset->value : 0) + c.depth->value) return false;
    const int64_t distance = c.distance ? c.distance->value : 0;
    if (c.relative() && at < previous + distance) return false;
    if (c.within && at + size > previous + distance + c.within->value) return false;
    if (c.endswith && at + size != end) return false;
    const std::string_view is = buffer_.substr(static_cast<size_t>(at), c.bytes.size());
    return c.nocase ? lowered(is) == lowered(c.bytes) : is == c.bytes;
  }

  bool from(size_t i, int64_t previous) {
    if (i == items_.size()) return true;
    const auto [known, first] = known_.try_emplace({i, previous}, false);
    if (!first) return known->second;
    const auto& c = std::get<RuleContent>(items_[i]);
    bool result = c.negated;
    for (int64_t at = 0; at < static_cast<int64_t>(buffer_.size()); ++at) {
      if (!there(c, at, previous)) continue;
      if (c.negated) {
        result = false;
        break;
      }
      if (from(i + 1, at + static_cast<int64_t>(c.bytes.size()))) {
        result = true;
        break;
      }
    }
    if (c.negated && result) result = from(i + 1, previous);
    known_[{i, previous}] = result;
    return result;
  }

  const Items& items_;
  std::string_view buffer_;
  std::map<std::pair<size_t, int64_t>, bool> known_;
};

std::string words(const Items& items) {
  std::string out;
  const auto number = [&](const char* name, const std::optional<RuleNumber>& n) {
    if (n) out += std::string(" ") + name + ":" + std::to_string(n->value);
  };
  for (const RuleItem& item : items) {
    const auto& c = std::get<RuleContent>(item);
    out += (c.negated ? "!\"" : "\"") + c.bytes + "\"";
    number("offset", c.offset);
    number("depth", c.depth);
    number("distance", c.distance);
    number("within", c.within);
    out += c.nocase ? " nocase" : "";
    out += c.endswith ? " endswith; " : "; ";
  }
  return out;
}

TEST(MatcherReference, FindsAnAssignmentWheneverThereIsOne) {
  std::mt19937 random(11);
  const auto between = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  const auto text = [&](int64_t size) {
    std::string out;
    for (int64_t i = 0; i < size; ++i) out += "aabAb"[between(0, 4)];
    return out;
  };
  MatchScratch scratch;
  int matches = 0;
  constexpr int kRounds = 200000;
  for (int round = 0; round < kRounds; ++round) {
    Items items;
    const int64_t count = between(1, 5);
    for (int64_t i = 0; i < count; ++i) {
      Content c(text(between(1, 3)), between(0, 5) == 0);
      if (between(0, 3) == 0) c.nocase();
      if (between(0, 11) == 0) c.endswith();
      switch (between(0, 6)) {
        case 0:
          c.offset(between(0, 8));
          break;
        case 1:
          c.offset(between(0, 6)).depth(between(3, 9));
          break;
        case 2:
          c.depth(between(3, 9));
          break;
        case 3:
          c.distance(between(-4, 5));
          break;
        case 4:
          c.within(between(3, 8));
          break;
        case 5:
          c.distance(between(-4, 4)).within(between(3, 6));
          break;
        default:
          break;
      }
      items.push_back(c);
    }
    const std::string buffer = text(between(0, round % 20 == 0 ? 80 : 20));
    const bool expected = Reference(items, buffer).holds();
    const bool is = holds(compiled(items), buffer, scratch);
    ASSERT_EQ(is, expected) << words(items) << "in " << buffer;
    matches += is;
  }
  EXPECT_GT(matches, kRounds / 10);
  EXPECT_LT(matches, kRounds * 9 / 10);
  EXPECT_EQ(scratch.limits().steps, 0u);
}

}  // namespace
}  // namespace sluice::rules

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a parser tells its sink, written down as text.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dpi/arena.h"
#include "stages/dpi/protocol/protocol_crypto.h"
#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/protocol/transaction.h"

namespace sluice {

inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::string text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A lane of a test: room for everything unless said otherwise.
struct TestLane {
  explicit TestLane(size_t arena_bytes = 8 << 20) : arena(arena_bytes, false) {}
  Arena arena;
  ProtocolCrypto crypto;
  ProtocolLane lane{arena, crypto};
};

// Copies everything at each call and reads all that the views point to, so that
// a sanitizer sees a view that points to nothing.
class Transcript : public TransactionSink {
 public:
  struct Side {
    std::map<Buffer, std::vector<std::string>> buffers;
    bool complete = false;
    bool operator==(const Side&) const = default;
  };
  struct State {
    AppProtocol protocol = AppProtocol::None;
    std::array<Side, 2> sides;
    bool truncated = false;
    bool finished = false;
    bool operator==(const State&) const = default;
  };
  // In the order of calls: which buffers were fresh.
  struct Call {
    uint32_t transaction;
    Direction by;
    uint64_t fresh[2];
    bool operator==(const Call&) const = default;
  };

  void advanced(Transaction& transaction, Direction by) noexcept override {
    calls.push_back({transaction.number, by, {transaction.fresh[0], transaction.fresh[1]}});
    note(transaction);
  }
  void finished(Transaction& transaction) noexcept override {
    note(transaction);
    states[transaction.number].finished = true;
  }

  std::vector<std::string> all(Buffer buffer, Direction of = Direction::Original,
                               uint32_t transaction = 0) const {
    const auto state = states.find(transaction);
    if (state == states.end()) return {};
    const auto& buffers = state->second.sides[static_cast<size_t>(of)].buffers;
    const auto found = buffers.find(buffer);
    return found == buffers.end() ? std::vector<std::string>{} : found->second;
  }
  // "<none>" if it is not there.
  std::string one(Buffer buffer, Direction of = Direction::Original,
                  uint32_t transaction = 0) const {
    const auto values = all(buffer, of, transaction);
    return values.empty() ? "<none>" : values.front();
  }

  std::map<uint32_t, State> states;
  std::vector<Call> calls;

 protected:
  virtual void note(const Transaction& transaction) {
    State& state = states[transaction.number];
    state.protocol = transaction.protocol;
    state.truncated = transaction.truncated;
    for (size_t i = 0; i < 2; ++i) {
      Side& side = state.sides[i];
      side.complete = transaction.complete[i];
      side.buffers.clear();
      for (size_t b = 0; b < kBuffers; ++b) {
        const BufferView& view = transaction.views[i][b];
        if (view.present()) side.buffers[static_cast<Buffer>(b)].push_back(text_of(view.bytes()));
      }
      for (const auto& more : transaction.more[i]) {
        side.buffers[more.buffer].push_back(text_of(more.view.bytes()));
      }
    }
  }
};

}  // namespace sluice

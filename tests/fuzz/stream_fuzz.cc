// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Segments of any content and order, acknowledgements true and false: whatever
// the sender does, a receiver behind the stream reads nothing that was not
// readable in it before, and memory stays within the bound and is given back.
//
// The input: eight bytes of plan, then decisions of a byte or two each.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "stages/dpi/arena.h"
#include "tests/unit/stages/dpi_stream/evasion.h"

using namespace sluice;
using namespace sluice::test;

namespace {

class Input {
 public:
  explicit Input(std::span<const uint8_t> bytes) : rest_(bytes) {}

  bool more() const { return !rest_.empty(); }
  uint32_t below(uint32_t limit) {
    uint32_t value = byte();
    if (limit > 256) value = value << 8 | byte();
    if (limit > 65536) value = value << 8 | byte();
    return value % limit;
  }

 private:
  uint8_t byte() {
    if (rest_.empty()) return 0;
    const uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::span<const uint8_t> rest_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Arena roomy(4 << 20, false);
  Input input({data, size});
  EvasionPlan plan;
  const uint32_t how = input.below(256);
  plan.keeps = (how & 1) != 0 ? Receiver::Keeps::Last : Receiver::Keeps::First;
  plan.slow_reader = (how & 2) != 0;
  plan.options.bound = 4096u << (how >> 2 & 3);
  plan.options.window = input.below(plan.options.bound / 2);
  plan.options.depth = (how & 16) != 0 ? 1 + input.below(20'000) : 0;
  plan.segment = 1 + ((how & 32) != 0 ? input.below(2000) : input.below(16));
  plan.spread = 4 + ((how & 64) != 0 ? input.below(8000) : input.below(64));
  plan.isn = 0u - input.below(1 << 16);
  plan.steps = 500;
  const EvasionReport report = Evasion<Input>(plan, roomy, input).run();
  if (report.broken != nullptr) {
    std::fprintf(stderr, "broken: %s\n", report.broken);
    std::abort();
  }
  return 0;
}

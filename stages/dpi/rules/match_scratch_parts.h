// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a MatchScratch is made of, for those who work with it.
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "stages/dpi/buffer.h"
#include "stages/dpi/rules/match_scratch.h"

namespace sluice::rules {

// Memory for PCRE2's interpreter, which runs what the JIT compiler refuses (and
// everything where a hardened kernel allows no JIT). It asks for ever larger
// blocks and keeps the largest, so handing out from the front is enough; when
// all but the long-lived first blocks have come back, it begins anew.
class PcreMemory {
 public:
  explicit PcreMemory(size_t bytes) : memory_(new std::byte[bytes]), size_(bytes) {}

  void* allocate(size_t size) noexcept;
  void release() noexcept;
  // What has been allocated until now stays for good.
  void keep() noexcept;

 private:
  std::unique_ptr<std::byte[]> memory_;  // untouched until it is needed
  size_t size_;
  size_t used_ = 0;
  size_t kept_ = 0;
  size_t blocks_ = 0;  // beyond those kept
};

struct MatchScratch::Pcre {
  Pcre();
  ~Pcre();
  Pcre(const Pcre&) = delete;
  Pcre& operator=(const Pcre&) = delete;

  PcreMemory memory;
  pcre2_general_context* general = nullptr;
  pcre2_match_context* context = nullptr;
  pcre2_match_data* data = nullptr;
  pcre2_jit_stack* stack = nullptr;
};

struct MatchScratch::Transforms {
  // Does all of them and points `view` to the result. False for a digest of a
  // buffer that is not whole: it would be the digest of something else.
  bool run(std::span<const RuleTransform> transforms, BufferView& view,
           MatchLimits& limits) noexcept;

  std::array<std::array<uint8_t, kMaxTransformBytes>, 2> bytes;
};

}  // namespace sluice::rules

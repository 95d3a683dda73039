// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/match_scratch.h"

#include <new>

#include "stages/dpi/rules/match_scratch_parts.h"
#include "stages/dpi/rules/pcre_expression.h"
#include "stages/dpi/rules/transform.h"

namespace sluice::rules {

namespace {

// Enough for kPcreDepthLimit frames of an expression with a few captures.
constexpr uint32_t kHeapLimitKib = 512;
// Frames grow by doubling: all sizes together are less than twice the last.
constexpr size_t kInterpreterBytes = 2 * kHeapLimitKib * 1024 + (256 << 10);
constexpr size_t kJitStackBytes = 128 << 10;

void* allocate(size_t size, void* memory) {
  return static_cast<PcreMemory*>(memory)->allocate(size);
}
void release(void* block, void* memory) {
  if (block != nullptr) static_cast<PcreMemory*>(memory)->release();
}

}  // namespace

void* PcreMemory::allocate(size_t size) noexcept {
  const size_t rounded = (size + 15) & ~size_t{15};
  if (rounded < size || rounded > size_ - used_) return nullptr;
  void* block = memory_.get() + used_;
  used_ += rounded;
  ++blocks_;
  return block;
}

void PcreMemory::release() noexcept {
  if (blocks_ == 0) return;  // one of those kept, at the end
  if (--blocks_ == 0) used_ = kept_;
}

void PcreMemory::keep() noexcept {
  kept_ = used_;
  blocks_ = 0;
}

MatchScratch::Pcre::Pcre() : memory(kInterpreterBytes) {
  general = pcre2_general_context_create(allocate, release, &memory);
  if (general != nullptr) {
    context = pcre2_match_context_create(general);
    // The ends of the whole match are all that is asked for.
    data = pcre2_match_data_create(1, general);
  }
  memory.keep();
  if (context == nullptr || data == nullptr) throw std::bad_alloc();
  pcre2_set_match_limit(context, kPcreMatchLimit);
  pcre2_set_depth_limit(context, kPcreDepthLimit);
  pcre2_set_heap_limit(context, kHeapLimitKib);
  // Its largest size from the start: growing and shrinking are system calls.
  // Null where PCRE2 has no JIT.
  stack = pcre2_jit_stack_create(kJitStackBytes, kJitStackBytes, nullptr);
  pcre2_jit_stack_assign(context, nullptr, stack);
}

MatchScratch::Pcre::~Pcre() {
  pcre2_jit_stack_free(stack);
  pcre2_match_data_free(data);
  pcre2_match_context_free(context);
  pcre2_general_context_free(general);
}

bool MatchScratch::Transforms::run(std::span<const RuleTransform> transforms, BufferView& view,
                                   MatchLimits& limits) noexcept {
  size_t turn = 0;
  for (const RuleTransform kind : transforms) {
    if (is_digest(kind) && (!view.complete || view.offset != 0)) return false;
    auto& out = bytes[turn++ & 1];
    if (view.size > out.size() && !is_digest(kind)) ++limits.transforms;
    view.size = static_cast<uint32_t>(transform(kind, view.bytes(), out));
    view.data = out.data();
  }
  return true;
}

MatchScratch::MatchScratch()
    : pcre_(std::make_unique<Pcre>()), transforms_(std::make_unique<Transforms>()) {}
MatchScratch::~MatchScratch() = default;

}  // namespace sluice::rules

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/transaction_memory.h"

#include <algorithm>
#include <cstring>

namespace sluice {

namespace {

constexpr size_t kArenaHeader = 16;  // so that blocks fill powers of two
constexpr size_t kFirstBlock = 512 - kArenaHeader;

constexpr size_t rounded(size_t size) {
  return (size + 7) / 8 * 8;
}

}  // namespace

void* TransactionMemory::allocate(size_t size, Arena& arena, size_t limit) noexcept {
  const size_t needed = rounded(std::max<size_t>(size, 1));
  if (needed < size || needed > limit || in_use_ > limit - needed) return nullptr;
  if (needed > left_) {
    const size_t room = std::max(kFirstBlock, needed + sizeof(Block));
    auto* block = static_cast<Block*>(arena.allocate(room));
    if (block == nullptr) return nullptr;
    block->older = newest_;
    newest_ = block;
    // A large piece gets a block of its own and leaves the one before in use.
    if (room - sizeof(Block) - needed >= left_) {
      free_ = reinterpret_cast<uint8_t*>(block + 1);
      left_ = static_cast<uint32_t>(room - sizeof(Block));
    } else {
      in_use_ += static_cast<uint32_t>(needed);
      return block + 1;
    }
  }
  void* piece = free_;
  free_ += needed;
  left_ -= static_cast<uint32_t>(needed);
  in_use_ += static_cast<uint32_t>(needed);
  return piece;
}

std::span<const uint8_t> TransactionMemory::copy(std::span<const uint8_t> bytes, Arena& arena,
                                                 size_t limit) noexcept {
  auto* to = static_cast<uint8_t*>(allocate(bytes.size(), arena, limit));
  if (to == nullptr) return {};
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return {to, bytes.size()};
}

void TransactionMemory::release() noexcept {
  while (newest_ != nullptr) {
    Block* older = newest_->older;
    arena_free(newest_);
    newest_ = older;
  }
  free_ = nullptr;
  left_ = in_use_ = 0;
}

}  // namespace sluice

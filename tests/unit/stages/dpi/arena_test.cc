// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace sluice {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

TEST(Arena, AlignsBlocksTo16Bytes) {
  Arena arena(kMiB, false);
  for (size_t size : {0, 1, 15, 16, 47, 48, 49, 1000, 100000}) {
    void* block = arena.allocate(size);
    ASSERT_NE(block, nullptr) << size;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 16, 0u);
    std::memset(block, 0xaa, size);
    arena_free(block);
  }
  EXPECT_EQ(arena.in_use(), 0u);
}

TEST(Arena, RefusesWhatItCannotHoldAndCounts) {
  Arena arena(2 * kMiB, false);
  EXPECT_EQ(arena.allocate(kMiB), nullptr) << "no room for the header";
  EXPECT_EQ(arena.allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(arena.allocate(SIZE_MAX - 15), nullptr);
  void* a = arena.allocate(kMiB - 16);
  void* b = arena.allocate(kMiB - 16);
  EXPECT_NE(a, nullptr);
  EXPECT_NE(b, nullptr);
  EXPECT_EQ(arena.allocate(1), nullptr);
  EXPECT_EQ(arena.exhausted(), 4u);
  arena_free(a);
  arena_free(b);
}

TEST(Arena, HasNoReserveOnceAllItsLargeBlocksAreCut) {
  Arena arena(kMiB, false);
  EXPECT_TRUE(arena.has_reserve());
  void* small = arena.allocate(1);
  EXPECT_FALSE(arena.has_reserve());
  arena_free(small);
  EXPECT_TRUE(arena.has_reserve());
}

TEST(Arena, JoinsHalvesSoThatLargeBlocksReturn) {
  Arena arena(2 * kMiB, false);
  std::vector<void*> blocks;
  while (void* block = arena.allocate(40)) blocks.push_back(block);
  EXPECT_EQ(blocks.size(), 2 * kMiB / 64);
  // Every second one first, so that no neighbours are free for a while.
  for (size_t i = 0; i < blocks.size(); i += 2) arena_free(blocks[i]);
  for (size_t i = 1; i < blocks.size(); i += 2) arena_free(blocks[i]);
  EXPECT_EQ(arena.in_use(), 0u);
  void* a = arena.allocate(kMiB - 16);
  void* b = arena.allocate(kMiB - 16);
  EXPECT_NE(a, nullptr);
  EXPECT_NE(b, nullptr);
  arena_free(a);
  arena_free(b);
}

// A model keeps what was written into each block: overlapping blocks and lost
// ones would show.
TEST(Arena, KeepsBlocksApartOverManyAllocations) {
  Arena arena(4 * kMiB, false);
  std::mt19937 random(7);
  std::map<uint8_t*, std::pair<size_t, uint8_t>> live;
  for (int step = 0; step < 20000; ++step) {
    if (live.empty() || random() % 5 < 3) {
      const size_t size = random() % (1U << (random() % 17 + 1));
      auto* block = static_cast<uint8_t*>(arena.allocate(size));
      if (block == nullptr) continue;
      const auto mark = static_cast<uint8_t>(random());
      std::memset(block, mark, size);
      live[block] = {size, mark};
    } else {
      auto it = std::next(live.begin(), random() % live.size());
      for (size_t i = 0; i < it->second.first; ++i) ASSERT_EQ(it->first[i], it->second.second);
      arena_free(it->first);
      live.erase(it);
    }
  }
  for (const auto& [block, what] : live) {
    for (size_t i = 0; i < what.first; ++i) ASSERT_EQ(block[i], what.second);
    arena_free(block);
  }
  EXPECT_EQ(arena.in_use(), 0u);
  EXPECT_GT(arena.peak(), kMiB);
}

TEST(ArenaScope, SendsLibraryAllocationsToTheArenaAndEndsInOrder) {
  Arena outer(kMiB, false);
  Arena inner(kMiB, false);
  void *a, *b, *c, *d;
  {
    ArenaScope first(&outer);
    a = arena_malloc(100);
    {
      ArenaScope second(&inner);
      b = arena_malloc(100);
    }
    c = arena_malloc(100);
  }
  d = arena_malloc(100);
  EXPECT_EQ(outer.in_use(), 256u);
  EXPECT_EQ(inner.in_use(), 128u);
  for (void* block : {a, b, c, d}) arena_free(block);
  EXPECT_EQ(outer.in_use(), 0u);
  EXPECT_EQ(inner.in_use(), 0u);
}

TEST(ArenaScope, IsOneThreadsOwn) {
  Arena arena(kMiB, false);
  ArenaScope scope(&arena);
  std::thread other([] { arena_free(arena_malloc(100)); });
  other.join();
  EXPECT_EQ(arena.peak(), 0u);
}

TEST(ArenaRealloc, KeepsTheContents) {
  Arena arena(kMiB, false);
  ArenaScope scope(&arena);
  auto* text = static_cast<char*>(arena_realloc(nullptr, 8));
  std::memcpy(text, "sluice", 7);
  text = static_cast<char*>(arena_realloc(text, 5000));
  EXPECT_STREQ(text, "sluice");
  text = static_cast<char*>(arena_realloc(text, 3));
  EXPECT_EQ(std::memcmp(text, "slu", 3), 0);
  EXPECT_EQ(arena_realloc(text, 2 * kMiB), nullptr) << "the old block stays";
  EXPECT_EQ(std::memcmp(text, "slu", 3), 0);
  EXPECT_EQ(arena_realloc(text, 0), nullptr);
  EXPECT_EQ(arena.in_use(), 0u);
}

TEST(ArenaHeapBytes, CountWhatTheThreadHolds) {
  const size_t before = arena_heap_bytes();
  void* block = arena_malloc(1000);
  EXPECT_EQ(arena_heap_bytes() - before, 1016u);
  arena_free(block);
  EXPECT_EQ(arena_heap_bytes(), before);
}

}  // namespace
}  // namespace sluice

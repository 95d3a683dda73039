// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/ndpi_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "stages/dpi/arena.h"
#include "stages/dpi/inspection.h"
#include "tests/support/packet_builder.h"

namespace sluice::test {
namespace {

class NdpiEngineTest : public ::testing::Test {
 protected:
  NdpiEngineTest() : arena(4 << 20, false), pool(2, false), inspection(pool.take()) {}
  ~NdpiEngineTest() override { end(); }

  void end() {
    if (inspection == nullptr) return;
    NdpiEngine::release(*inspection->ndpi);
    pool.give_back(inspection);
    inspection = nullptr;
  }

  Classification inspect(const PacketBuilder& packet, uint64_t time_ns = 1) {
    ArenaScope scope(&arena);
    const Bytes ip = packet.ip_bytes();
    return engine.inspect(*inspection->ndpi, ip.data(), static_cast<uint16_t>(ip.size()), time_ns);
  }

  Arena arena;
  NdpiEngine engine;
  InspectionPool pool;
  Inspection* inspection;
};

TEST_F(NdpiEngineTest, FillsMasterAndAppWithTheOneNameThereIs) {
  const Classification found =
      inspect(ipv4("10.0.0.1", "10.0.0.2").tcp(1000, 22).payload("SSH-2.0-OpenSSH_9.2\r\n"));
  EXPECT_NE(found.app, 0);
  EXPECT_EQ(found.app, found.master);
}

TEST_F(NdpiEngineTest, AllocatesFromTheArenaAndGivesAllBack) {
  inspect(ipv4("10.0.0.1", "10.0.0.2")
              .tcp(1000, 80)
              .payload("GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: b\r\n\r\n"));
  EXPECT_GT(arena.in_use(), 0u);
  end();
  EXPECT_EQ(arena.in_use(), 0u);
}

TEST_F(NdpiEngineTest, TakesClocksThatGoBack) {
  const auto packet = ipv4("10.0.0.1", "10.0.0.2").tcp(1000, 4444).payload("zzzz");
  inspect(packet, 5'000'000'000'000);
  inspect(packet, 1'000'000'000);
  bool guessed = false;
  ArenaScope scope(&arena);
  EXPECT_FALSE(engine.give_up(*inspection->ndpi, true, guessed).known());
}

TEST_F(NdpiEngineTest, SurvivesEveryCutOfAPacket) {
  const Bytes whole = ipv6("2001:db8::1", "2001:db8::2")
                          .tcp(1000, 80)
                          .payload("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                          .ip_bytes();
  for (size_t length = 0; length <= whole.size(); ++length) {
    const auto exact = std::make_unique<uint8_t[]>(length);
    std::copy_n(whole.begin(), length, exact.get());
    ArenaScope scope(&arena);
    engine.inspect(*inspection->ndpi, exact.get(), static_cast<uint16_t>(length), length);
  }
}

TEST(NdpiEngine, GivesItsMemoryBack) {
  { NdpiEngine first; }  // what a library keeps for good, it keeps now
  const size_t before = arena_heap_bytes();
  {
    NdpiEngine engine;
    EXPECT_GT(engine.memory_bytes(), size_t{1} << 20);
    EXPECT_EQ(arena_heap_bytes() - before, engine.memory_bytes());
  }
  EXPECT_EQ(arena_heap_bytes(), before);
}

TEST(InspectionPool, HandsOutZeroedStatesUpToItsBound) {
  InspectionPool pool(2, false);
  Inspection* a = pool.take();
  Inspection* b = pool.take();
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(pool.take(), nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a->ndpi) % 16, 0u);
  a->packets = 7;
  *reinterpret_cast<uint8_t*>(a->ndpi) = 9;
  pool.give_back(a);
  Inspection* again = pool.take();
  EXPECT_EQ(again, a);
  EXPECT_EQ(again->packets, 0);
  EXPECT_EQ(*reinterpret_cast<uint8_t*>(again->ndpi), 0);
  EXPECT_EQ(pool.in_use(), 2u);
}

}  // namespace
}  // namespace sluice::test

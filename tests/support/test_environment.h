// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// EAL without hugepages, devices or root, once a test program; main() for test
// programs that need it is in the same library (link test_support_dep and no
// gtest_main).
#pragma once

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <string>

namespace sluice::test {

// Idempotent; also registers the packet metadata. Throws std::runtime_error.
void start_test_eal();

// A pool of mbufs with a name of its own. At its end every mbuf must be back.
class TestPool {
 public:
  explicit TestPool(unsigned size = 1023, uint16_t data_room = 10240);
  ~TestPool();
  TestPool(const TestPool&) = delete;
  TestPool& operator=(const TestPool&) = delete;

  rte_mempool* get() const noexcept { return pool_; }
  operator rte_mempool*() const noexcept { return pool_; }
  unsigned missing() const;  // mbufs that are not in the pool now

 private:
  rte_mempool* pool_;
};

// Fixture with a pool; fails a test that has lost an mbuf.
class PacketTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(pool.missing(), 0u) << "mbufs not given back"; }

  TestPool pool;
};

template <typename Row>
class PacketTestWith : public PacketTest, public ::testing::WithParamInterface<Row> {};

}  // namespace sluice::test

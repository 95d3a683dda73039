// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/support/test_environment.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <vector>

#include "chain/packet_meta.h"

namespace sluice::test {

void start_test_eal() {
  static bool started = false;
  if (started) return;
  // EAL wants a directory for its run-time files: a private one, so that tests
  // may run side by side and as anybody.
  std::string directory = (std::filesystem::temp_directory_path() / "sluice-test-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) throw std::runtime_error("cannot make " + directory);
  setenv("XDG_RUNTIME_DIR", directory.c_str(), 1);
  std::vector<std::string> words = {"test",     "--no-huge",   "--no-pci",       "--no-shconf",
                                    "--lcores", "0@0",         "--no-telemetry", "-m",
                                    "256",      "--log-level", "lib.eal:error"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  const int result = rte_eal_init(static_cast<int>(argv.size()), argv.data());
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  if (result < 0) {
    throw std::runtime_error(std::string("rte_eal_init: ") + rte_strerror(rte_errno));
  }
  register_packet_meta();
  started = true;
}

TestPool::TestPool(unsigned size, uint16_t data_room) {
  static unsigned number = 0;
  start_test_eal();
  const std::string name = "test_pool_" + std::to_string(number++);
  pool_ = rte_pktmbuf_pool_create(name.c_str(), size, 0, 0,
                                  static_cast<uint16_t>(data_room + RTE_PKTMBUF_HEADROOM),
                                  SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no memory for a pool of mbufs");
}

TestPool::~TestPool() {
  EXPECT_EQ(missing(), 0u) << "mbufs not given back";
  rte_mempool_free(pool_);
}

unsigned TestPool::missing() const {
  return pool_->size - rte_mempool_avail_count(pool_);
}

}  // namespace sluice::test

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include "tests/support/test_environment.h"

namespace {
class EalEnvironment : public ::testing::Environment {
 public:
  void SetUp() override { sluice::test::start_test_eal(); }
};
}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::AddGlobalTestEnvironment(new EalEnvironment);
  return RUN_ALL_TESTS();
}

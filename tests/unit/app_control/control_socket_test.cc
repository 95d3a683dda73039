// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/control_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace sluice {
namespace {

class ControlSocketDirectory : public testing::Test {
 protected:
  ControlSocketDirectory() {
    std::string name = testing::TempDir() + "sluice-socket-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~ControlSocketDirectory() override { std::filesystem::remove_all(path_); }

  std::string path_;
};

TEST_F(ControlSocketDirectory, IsTrustedIfItIsOursAlone) {
  EXPECT_EQ(distrust_of_directory(path_), "");
}

TEST_F(ControlSocketDirectory, IsNotTrustedIfOthersMayEnter) {
  ASSERT_EQ(chmod(path_.c_str(), 0711), 0);
  EXPECT_NE(distrust_of_directory(path_), "");
}

TEST_F(ControlSocketDirectory, IsNotTrustedIfItIsALinkToOneOfOurs) {
  const std::string link = path_ + "/link";
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_NE(distrust_of_directory(link), "");
}

TEST_F(ControlSocketDirectory, IsNotTrustedIfItIsAnothersThough0700) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  ASSERT_EQ(chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_NE(distrust_of_directory(path_).find("12345"), std::string::npos);
}

TEST_F(ControlSocketDirectory, ElsewhereThanBelowTmpIsNotJudged) {
  ASSERT_EQ(chmod(path_.c_str(), 0755), 0);
  EXPECT_EQ(distrust_of_socket(path_ + "/a.sock"), "");
}

}  // namespace
}  // namespace sluice

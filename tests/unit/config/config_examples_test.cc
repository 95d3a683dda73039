// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "config/config.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

const ConfigVocabulary kVocabulary{{"identity", "dpi", "firewall", "forwarding"}};

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST(Examples, AreAllThereAndWithoutErrors) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(SLUICE_EXAMPLES)) {
    if (entry.path().extension() != ".toml") continue;
    names.insert(entry.path().filename());
    ConfigErrors errors;
    const auto document = ConfigDocument::load(entry.path(), errors);
    ASSERT_NE(document, nullptr) << errors.to_string();
    const Config config = read_config(document->root(errors), kVocabulary);
    EXPECT_TRUE(errors.empty()) << errors.to_string();
    EXPECT_GE(config.ports.size(), 2u) << entry.path();
  }
  for (const char* name : {"wire-vfs.toml", "pinned-pipeline.toml", "veth.toml", "routed.toml",
                           "replay-run-to-completion.toml", "replay-pinned-pipeline.toml"}) {
    EXPECT_EQ(names.count(name), 1u) << name;
  }
}

TEST(Examples, ForReplayDifferInOneLine) {
  const fs::path folder = SLUICE_EXAMPLES;
  const auto a = lines_of(folder / "replay-run-to-completion.toml");
  const auto b = lines_of(folder / "replay-pinned-pipeline.toml");
  ASSERT_EQ(a.size(), b.size());
  size_t different = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    ++different;
    EXPECT_NE(a[i].find("PLACEMENT"), std::string::npos) << a[i];
  }
  EXPECT_EQ(different, 1u);
}

}  // namespace
}  // namespace sluice

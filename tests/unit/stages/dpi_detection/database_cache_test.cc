// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/database_cache.h"

#include <gtest/gtest.h>
#include <hs/hs_runtime.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace sluice::rules {
namespace {

namespace fs = std::filesystem;

class DatabaseCacheTest : public ::testing::Test {
 protected:
  DatabaseCacheTest()
      : folder(fs::path(::testing::TempDir()) / ("database_cache_" + std::to_string(getpid()))) {
    fs::remove_all(folder);
  }
  ~DatabaseCacheTest() override { fs::remove_all(folder); }

  static std::shared_ptr<const hs_database_t> compile(DatabaseCache& cache, std::string_view text,
                                                      bool nocase = false) {
    const DatabaseCache::Literal literal{text, nocase};
    return cache.literals({&literal, 1});
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
    return files;
  }
  void age(const fs::path& file, std::chrono::hours by) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - by);
  }
  fs::path folder;
};

TEST_F(DatabaseCacheTest, ReadsWhatItHasWritten) {
  DatabaseCache first(folder);
  compile(first, "abc");
  compile(first, "abc", true);
  EXPECT_EQ(first.misses(), 2u);
  EXPECT_EQ(files().size(), 2u) << "nothing is left beside them";
  DatabaseCache second(folder);
  const auto database = compile(second, "abc", true);
  EXPECT_EQ(second.hits(), 1u);
  EXPECT_EQ(second.problem(), "");
  hs_scratch_t* scratch = nullptr;
  ASSERT_EQ(hs_alloc_scratch(database.get(), &scratch), HS_SUCCESS);
  const auto found = [](unsigned, unsigned long long, unsigned long long, unsigned, void* p) {
    ++*static_cast<int*>(p);
    return 0;
  };
  int matches = 0;
  EXPECT_EQ(hs_scan(database.get(), "xABCx", 5, 0, scratch, found, &matches), HS_SUCCESS);
  EXPECT_EQ(matches, 1);
  hs_free_scratch(scratch);
}

TEST_F(DatabaseCacheTest, CompilesAgainWhatIsDamaged) {
  DatabaseCache first(folder);
  compile(first, "abc");
  const fs::path file = files().at(0);
  std::fstream(file, std::ios::in | std::ios::out).seekp(100).put('!');
  DatabaseCache second(folder);
  EXPECT_NE(compile(second, "abc"), nullptr);
  EXPECT_EQ(second.misses(), 1u);
  DatabaseCache third(folder);
  compile(third, "abc");
  EXPECT_EQ(third.hits(), 1u) << "it has been replaced";
}

TEST_F(DatabaseCacheTest, TrustsNoFolderOfOthers) {
  DatabaseCache first(folder);
  compile(first, "abc");
  ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
  DatabaseCache second(folder);
  EXPECT_NE(second.problem(), "");
  EXPECT_NE(compile(second, "abc"), nullptr);
  EXPECT_EQ(second.misses(), 1u);
}

TEST_F(DatabaseCacheTest, AWriteThatWasInterruptedHindersNone) {
  DatabaseCache first(folder);
  compile(first, "abc");
  const fs::path file = files().at(0);
  fs::remove(file);
  // As a process of the same number leaves it.
  const fs::path half = file.string() + '.' + std::to_string(getpid());
  std::ofstream(half) << "half";
  DatabaseCache second(folder);
  compile(second, "abc");
  EXPECT_EQ(second.problem(), "");
  EXPECT_TRUE(fs::exists(file));

  second.prune();
  EXPECT_TRUE(fs::exists(half)) << "somebody may be writing it";
  age(half, std::chrono::hours(2));
  second.prune();
  EXPECT_FALSE(fs::exists(half));
}

TEST_F(DatabaseCacheTest, PrunesWhatWasNotUsedForLongest) {
  DatabaseCache old(folder, {2, uint64_t{1} << 30});
  compile(old, "oldest");
  const fs::path oldest = files().at(0);
  age(oldest, std::chrono::hours(9));
  compile(old, "older");
  for (const fs::path& file : files()) {
    if (file != oldest) age(file, std::chrono::hours(8));
  }
  std::ofstream(folder / "README") << "not ours";

  DatabaseCache now(folder, {2, uint64_t{1} << 30});
  compile(now, "oldest");  // used again
  compile(now, "new");
  now.prune();
  EXPECT_TRUE(fs::exists(oldest));
  EXPECT_EQ(files().size(), 3u) << "two of the cache's, and what is none of its";

  DatabaseCache again(folder, {1, uint64_t{1} << 30});
  compile(again, "oldest");
  compile(again, "new");
  again.prune();
  EXPECT_EQ(files().size(), 3u) << "what is in use stays";
  DatabaseCache bytes(folder, {100, 1});
  bytes.prune();
  EXPECT_EQ(files().size(), 1u);
}

}  // namespace
}  // namespace sluice::rules

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Hyperscan databases on disk: compiling twenty thousand literals takes many
// seconds, reading them back takes milliseconds.
#pragma once

#include <hs/hs_common.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::rules {

// What prune() leaves: some ten sets of twenty thousand rules.
struct CacheLimits {
  size_t files = 4096;
  uint64_t bytes = uint64_t{1} << 30;
};

// Compiler thread. A file is named by what it was made from: the literals, the
// version of Hyperscan, the processor's features. What is not as it was written
// is compiled again and replaced.
class DatabaseCache {
 public:
  struct Literal {
    std::string_view bytes;  // at least one
    bool nocase;
  };

  // "": nothing is kept. A folder that is not this user's alone is not trusted,
  // since Hyperscan runs what it holds: then, as where it cannot be made or
  // written, everything is compiled each time, and `problem()` says why.
  explicit DatabaseCache(std::string folder, CacheLimits limits = {});

  // Literal i has id i; block mode, every end of every match is told. Throws
  // std::runtime_error with Hyperscan's message.
  std::shared_ptr<const hs_database_t> literals(std::span<const Literal> literals);

  // Removes what was not used for longest, never what this object has used, until
  // the rest is within the limits; and what an interrupted write has left.
  void prune();

  size_t hits() const noexcept { return hits_; }
  size_t misses() const noexcept { return misses_; }
  const std::string& problem() const noexcept { return problem_; }

 private:
  std::shared_ptr<const hs_database_t> read(const std::string& file);
  void write(const std::string& file, const hs_database_t* database);

  std::string folder_;
  CacheLimits limits_;
  std::set<std::string> used_;  // file names
  std::string problem_;
  size_t hits_ = 0;
  size_t misses_ = 0;
};

}  // namespace sluice::rules

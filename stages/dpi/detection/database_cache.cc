// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/database_cache.h"

#include <fcntl.h>
#include <hs/hs_compile.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace sluice::rules {

namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 30;
constexpr size_t kDigestBytes = 32;
// To be changed with what is asked of Hyperscan (mode, flags, tuning) or with a
// file's form: files of another kind have other names.
constexpr std::string_view kFormat = "2";
constexpr std::string_view kSuffix = ".hsdb";
// A write takes no longer.
constexpr std::chrono::hours kStale{1};

using Digest = std::array<uint8_t, kDigestBytes>;

hs_platform_info_t platform() {
  hs_platform_info_t here{};
  hs_populate_platform(&here);
  here.tune = HS_TUNE_FAMILY_GENERIC;
  return here;
}

std::shared_ptr<const hs_database_t> own(hs_database_t* database) {
  return {database,
          [](const hs_database_t* p) { hs_free_database(const_cast<hs_database_t*>(p)); }};
}

class Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  ~Hash() { EVP_MD_CTX_free(context_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  void add(std::string_view bytes) {
    const uint64_t size = bytes.size();
    EVP_DigestUpdate(context_, &size, sizeof size);
    EVP_DigestUpdate(context_, bytes.data(), bytes.size());
  }
  Digest finish() {
    Digest digest{};
    EVP_DigestFinal_ex(context_, digest.data(), nullptr);
    return digest;
  }

 private:
  EVP_MD_CTX* context_;
};

Digest digest_of(std::string_view bytes) {
  Hash hash;
  hash.add(bytes);
  return hash.finish();
}

std::string file_name(std::span<const DatabaseCache::Literal> literals) {
  Hash hash;
  hash.add(kFormat);
  hash.add(hs_version());
  const hs_platform_info_t here = platform();
  hash.add({reinterpret_cast<const char*>(&here.cpu_features), sizeof here.cpu_features});
  for (const DatabaseCache::Literal& literal : literals) {
    hash.add(literal.nocase ? "i" : "");
    hash.add(literal.bytes);
  }
  static constexpr char kHex[] = "0123456789abcdef";
  std::string name;
  for (const uint8_t byte : hash.finish()) name += {kHex[byte >> 4], kHex[byte & 15]};
  return name + std::string(kSuffix);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, const void* data, size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

// Owned by this user, and nobody else may write.
bool is_private(const struct stat& about) {
  return about.st_uid == geteuid() && (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

DatabaseCache::DatabaseCache(std::string folder, CacheLimits limits)
    : folder_(std::move(folder)), limits_(limits) {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder_).parent_path(), error);
  struct stat about{};
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    problem_ = folder_ + ": " + std::strerror(errno);
  } else if (stat(folder_.c_str(), &about) != 0) {
    problem_ = folder_ + ": " + std::strerror(errno);
  } else if (!S_ISDIR(about.st_mode) || !is_private(about)) {
    problem_ = folder_ + ": not a folder that only this user can write to";
  }
  if (!problem_.empty()) folder_.clear();
}

std::shared_ptr<const hs_database_t> DatabaseCache::literals(std::span<const Literal> literals) {
  const std::string name = folder_.empty() ? "" : file_name(literals);
  const std::string file = folder_.empty() ? "" : folder_ + "/" + name;
  if (!file.empty()) {
    used_.insert(name);
    if (auto known = read(file)) {
      ++hits_;
      return known;
    }
  }
  ++misses_;
  std::vector<const char*> texts;
  std::vector<size_t> lengths;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Literal& literal : literals) {
    texts.push_back(literal.bytes.data());
    lengths.push_back(literal.bytes.size());
    flags.push_back(literal.nocase ? HS_FLAG_CASELESS : 0);
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* failure = nullptr;
  const hs_platform_info_t here = platform();
  hs_compile_lit_multi(texts.data(), flags.data(), ids.data(), lengths.data(),
                       static_cast<unsigned>(texts.size()), HS_MODE_BLOCK, &here, &database,
                       &failure);
  if (failure != nullptr) {
    const std::string message = failure->message;
    hs_free_compile_error(failure);
    throw std::runtime_error("Hyperscan: " + message);
  }
  if (!file.empty()) write(file, database);
  return own(database);
}

std::shared_ptr<const hs_database_t> DatabaseCache::read(const std::string& file) {
  const Descriptor fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat about{};
  if (fd.get() < 0 || fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode) ||
      !is_private(about) || static_cast<size_t>(about.st_size) <= kDigestBytes ||
      static_cast<size_t>(about.st_size) > kMaxFileBytes) {
    return nullptr;
  }
  std::vector<char> bytes(static_cast<size_t>(about.st_size));
  size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = ::read(fd.get(), bytes.data() + got, bytes.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return nullptr;
    got += static_cast<size_t>(n);
  }
  const std::string_view body(bytes.data() + kDigestBytes, bytes.size() - kDigestBytes);
  const Digest digest = digest_of(body);
  if (std::memcmp(digest.data(), bytes.data(), kDigestBytes) != 0) return nullptr;
  hs_database_t* database = nullptr;
  if (hs_deserialize_database(body.data(), body.size(), &database) != HS_SUCCESS) return nullptr;
  futimens(fd.get(), nullptr);  // prune() goes by the last use
  return own(database);
}

void DatabaseCache::write(const std::string& file, const hs_database_t* database) {
  char* bytes = nullptr;
  size_t size = 0;
  if (hs_serialize_database(database, &bytes, &size) != HS_SUCCESS) return;
  const std::unique_ptr<char, void (*)(void*)> owner(bytes, std::free);
  std::string fresh = file + ".XXXXXX";
  bool good = false;
  {
    const Descriptor fd(mkostemp(fresh.data(), O_CLOEXEC));
    if (fd.get() < 0) {
      problem_ = fresh + ": " + std::strerror(errno);
      return;
    }
    const Digest digest = digest_of({bytes, size});
    good = write_all(fd.get(), digest.data(), digest.size()) && write_all(fd.get(), bytes, size);
  }
  if (good && rename(fresh.c_str(), file.c_str()) == 0) return;
  problem_ = file + ": " + std::strerror(errno);
  unlink(fresh.c_str());
}

void DatabaseCache::prune() {
  namespace fs = std::filesystem;
  if (folder_.empty()) return;
  struct File {
    fs::path path;
    fs::file_time_type used;
    uintmax_t bytes;
  };
  std::vector<File> files;
  uintmax_t sum = 0;
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code ignored;
    if (!at->is_regular_file(ignored) || at->is_symlink(ignored)) continue;
    const auto written = at->last_write_time(ignored);
    const uintmax_t bytes = ignored ? 0 : at->file_size(ignored);
    if (ignored) continue;
    if (name.ends_with(kSuffix)) {
      sum += bytes;
      if (!used_.contains(name)) files.push_back({at->path(), written, bytes});
    } else if (name.find(std::string(kSuffix) + '.') != std::string::npos && now - written > kStale) {
      fs::remove(at->path(), ignored);  // whoever wrote it was stopped
    }
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used > b.used; });
  size_t kept = used_.size() + files.size();
  for (; !files.empty() && (kept > limits_.files || sum > limits_.bytes); files.pop_back(), --kept) {
    std::error_code ignored;
    fs::remove(files.back().path, ignored);
    sum -= files.back().bytes;
  }
}

}  // namespace sluice::rules

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/host_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

namespace sluice {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxShown = 256;
constexpr size_t kMaxNames = 4096;
constexpr unsigned kMaxCpu = 8192;

class File {
 public:
  // Without waiting: a pipe in place of a file must not hold the program up.
  explicit File(const fs::path& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat status {};
    if (fd_ >= 0 && (fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode))) shut();
  }
  ~File() { shut(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  void shut() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  int fd_;
};

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

bool all_hex(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> out;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find_first_of(separators, start), text.size());
    if (end > start) out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

}  // namespace

HostTree::HostTree(fs::path root) : root_(std::move(root)) {}

fs::path HostTree::at(std::string_view path) const {
  return root_ / fs::path(path).relative_path();
}

bool HostTree::exists(std::string_view path) const {
  std::error_code error;
  return fs::exists(at(path), error);
}

std::optional<std::string> HostTree::text(std::string_view path, size_t limit) const {
  const File file(at(path));
  if (file.fd() < 0) return std::nullopt;
  std::string out;
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t n = read(file.fd(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) return out;
    out.append(piece.data(), static_cast<size_t>(n));
    if (out.size() > limit) return std::nullopt;
  }
}

std::optional<std::string> HostTree::line(std::string_view path) const {
  const auto all = text(path);
  if (!all) return std::nullopt;
  return printable(std::string_view(*all).substr(0, all->find('\n')));
}

std::optional<uint64_t> HostTree::number(std::string_view path) const {
  const auto all = text(path, 256);
  return all ? parse_number(trimmed(*all)) : std::nullopt;
}

std::optional<int> HostTree::signed_number(std::string_view path) const {
  const auto all = text(path, 256);
  if (!all) return std::nullopt;
  const std::string_view digits = trimmed(*all);
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::vector<std::string> HostTree::list(std::string_view path) const {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(at(path).c_str()), closedir);
  if (!folder) return out;
  while (const dirent* entry = readdir(folder.get())) {
    if (entry->d_name[0] != '.' && out.size() < kMaxNames) out.emplace_back(entry->d_name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string HostTree::link_name(std::string_view path) const {
  std::error_code error;
  const fs::path target = fs::read_symlink(at(path), error);
  return error ? std::string() : printable(target.filename().string());
}

std::string HostTree::link_target(std::string_view path) const {
  std::error_code error;
  const fs::path target = fs::read_symlink(at(path), error);
  return error ? std::string() : printable(target.string());
}

int HostTree::lock_holder(std::string_view path) const {
  const File file(at(path));
  if (file.fd() < 0) return 0;
  struct flock lock {};
  // A read lock may be asked of a file that is open for reading only; it meets
  // the write lock that a DPDK process holds.
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(file.fd(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  return lock.l_pid > 0 ? lock.l_pid : -1;
}

bool HostTree::accessible(std::string_view path) const {
  return faccessat(AT_FDCWD, at(path).c_str(), R_OK | W_OK, AT_EACCESS) == 0;
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMaxShown));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = c == '\t' ? ' ' : '?';
  }
  return out;
}

std::optional<uint64_t> parse_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::vector<unsigned>> parse_cpu_list(std::string_view text) {
  std::vector<unsigned> out;
  for (const std::string_view part : split(trimmed(text), ",")) {
    const size_t dash = part.find('-');
    const auto first = parse_number(part.substr(0, dash));
    const auto last = dash == part.npos ? first : parse_number(part.substr(dash + 1));
    if (!first || !last || *first > *last || *last > kMaxCpu) return std::nullopt;
    for (uint64_t cpu = *first; cpu <= *last; ++cpu) out.push_back(static_cast<unsigned>(cpu));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool is_pci_address(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == text.npos || colon < 4 || colon > 8 || text.size() != colon + 8) return false;
  const std::string_view rest = text.substr(colon + 1);
  return all_hex(text.substr(0, colon)) && all_hex(rest.substr(0, 2)) && rest[2] == ':' &&
         all_hex(rest.substr(3, 2)) && rest[5] == '.' && rest[6] >= '0' && rest[6] <= '7';
}

bool is_interface_name(std::string_view text) {
  return !text.empty() && text.size() < 16 && text != "." && text != ".." && text[0] != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '\'' && c != '"';
         });
}

std::vector<std::string_view> split_words(std::string_view text) {
  return split(text, " \t\n");
}

std::vector<std::string_view> split_lines(std::string_view text) {
  return split(text, "\n");
}

}  // namespace sluice

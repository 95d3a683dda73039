// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// /sys and /proc as text. Everything that looks at the host reads through this
// class, so that a test can put a made-up tree in its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Nothing that is read is believed: only ordinary files, bounded in size, and
// what becomes part of a message has no control characters. Control thread.
class HostTree {
 public:
  explicit HostTree(std::filesystem::path root = "/");

  // `path` is absolute ("/sys/class/net"), below the root.
  std::filesystem::path at(std::string_view path) const;
  bool exists(std::string_view path) const;

  // Null where there is no such file, or where it is longer than `limit`.
  std::optional<std::string> text(std::string_view path, size_t limit = 1 << 18) const;
  // The first line, printable(); null where there is none to read.
  std::optional<std::string> line(std::string_view path) const;
  // A file that holds one number and nothing else: decimal, or hexadecimal with 0x.
  std::optional<uint64_t> number(std::string_view path) const;
  std::optional<int> signed_number(std::string_view path) const;

  // Names in a folder, in order; the first few thousand of them.
  std::vector<std::string> list(std::string_view path) const;
  // The last part of what a symbolic link points at; empty: none.
  std::string link_name(std::string_view path) const;
  // All of it.
  std::string link_target(std::string_view path) const;

  // Who holds a lock on a part of that file (fcntl, as DPDK does): its process,
  // 0 nobody, -1 somebody out of this process's sight.
  int lock_holder(std::string_view path) const;
  // May this process read and write it?
  bool accessible(std::string_view path) const;

 private:
  std::filesystem::path root_;
};

// What a person may be shown: control characters become '?', and what is too
// long is cut.
std::string printable(std::string_view text);

// All of `text` as a number; null if it holds anything else.
std::optional<uint64_t> parse_number(std::string_view text);
// "0-3,8". Null if it is none; empty text is an empty list.
std::optional<std::vector<unsigned>> parse_cpu_list(std::string_view text);
// DDDD:BB:DD.F, which is safe as part of a path too.
bool is_pci_address(std::string_view text);
// A name of a kernel interface, which is safe as part of a path too.
bool is_interface_name(std::string_view text);

std::vector<std::string_view> split_words(std::string_view text);
std::vector<std::string_view> split_lines(std::string_view text);

}  // namespace sluice

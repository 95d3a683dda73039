// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The simplest receiver that RFC 9293 admits, byte by byte, with the freedom
// that real ones differ in: which copy of a byte wins while it waits behind a gap.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

namespace sluice::test {

class Receiver {
 public:
  enum class Keeps : uint8_t { First, Last };

  Receiver(Keeps keeps, uint32_t window) : keeps_(keeps), window_(window) {}

  // Positions count from the first byte behind the SYN.
  void deliver(uint64_t position, std::span<const uint8_t> bytes, bool fin) {
    if (closed()) return;
    for (size_t i = 0; i < bytes.size(); ++i) {
      const uint64_t at = position + i;
      if (at < read_.size() || at >= read_.size() + window_) continue;
      const auto byte = static_cast<char>(bytes[i]);
      if (keeps_ == Keeps::First) {
        waiting_.emplace(at, byte);
      } else {
        waiting_[at] = byte;
      }
    }
    if (fin && position + bytes.size() >= read_.size() && (!fin_ || keeps_ == Keeps::Last)) {
      fin_ = position + bytes.size();
    }
    while (!closed() && !waiting_.empty() && waiting_.begin()->first == read_.size()) {
      read_.push_back(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
    }
  }

  const std::string& read() const { return read_; }
  bool closed() const { return fin_ && *fin_ == read_.size(); }
  // As a position; a FIN counts as one.
  uint64_t acknowledges() const { return read_.size() + (closed() ? 1 : 0); }

 private:
  Keeps keeps_;
  uint32_t window_;
  std::string read_;
  std::map<uint64_t, char> waiting_;
  std::optional<uint64_t> fin_;
};

}  // namespace sluice::test

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_chunks.h"

#include <algorithm>
#include <cstring>

namespace sluice::http {

Chunks::Part Chunks::next(Bytes shown) noexcept {
  if (shown.empty()) return {};
  if (state_ == State::Data) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(left_, shown.size()));
    left_ -= n;
    if (left_ == 0) state_ = State::DataEnd;
    return {What::Data, n};
  }
  if (state_ == State::Size) {
    // The line stays unread until its size is certain: if there is none, it
    // is body.
    size_t at = 0;
    while (at < shown.size() && is_space(shown[at])) ++at;
    const size_t blanks = at;
    if (blanks >= kMaxSizeBytes) return {What::Invalid, 0};
    left_ = 0;
    if (!read_digits(shown, at)) return {What::Invalid, 0};
    if (at == shown.size() && at < kMaxSizeBytes) return {};
    if (at == blanks) return {What::Invalid, 0};
    // As many zeros as anybody likes stand before a size (RFC 9112 section 7.1).
    state_ = at == shown.size() ? State::MoreSize : State::SizeLine;
    return {What::Nothing, at};
  }
  if (state_ == State::MoreSize) {
    size_t at = 0;
    if (!read_digits(shown, at)) return {What::Invalid, 0};
    if (at < shown.size()) state_ = State::SizeLine;
    return {What::Nothing, at};
  }
  const void* lf = std::memchr(shown.data(), '\n', shown.size());
  if (lf == nullptr) return {What::Nothing, shown.size()};
  const size_t taken = static_cast<size_t>(static_cast<const uint8_t*>(lf) - shown.data()) + 1;
  if (state_ == State::DataEnd) {
    state_ = State::Size;
    return {What::Nothing, taken};
  }
  if (left_ == 0) {
    state_ = State::Size;
    return {What::Last, taken};
  }
  state_ = State::Data;
  return {What::Nothing, taken};
}

bool Chunks::read_digits(Bytes shown, size_t& at) noexcept {
  for (; at < shown.size() && hex_digit(shown[at]) >= 0; ++at) {
    left_ = left_ << 4 | static_cast<unsigned>(hex_digit(shown[at]));
    if (left_ > largest_) return false;
  }
  return true;
}

bool Chunks::skip(uint64_t bytes) noexcept {
  if (state_ != State::Data || bytes > left_) return false;
  left_ -= bytes;
  if (left_ == 0) state_ = State::DataEnd;
  return true;
}

}  // namespace sluice::http

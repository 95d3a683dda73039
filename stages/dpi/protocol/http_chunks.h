// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The chunked transfer coding (RFC 9112 section 7.1) as browsers take it: blanks
// and empty lines before a size, anything behind it up to the end of its line.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/dpi/protocol/http_text.h"

namespace sluice::http {

class Chunks {
 public:
  enum class What : uint8_t {
    More,     // nothing can be told until more bytes come
    Nothing,  // `taken` bytes are of the coding
    Data,     // `taken` bytes are of the body
    Last,     // `taken` bytes; the trailer section follows
    Invalid,  // here begins no chunk size
  };
  struct Part {
    What what = What::More;
    size_t taken = 0;
  };

  // A chunk of more than `largest` bytes is none.
  void restart(uint64_t largest) noexcept {
    *this = {};
    largest_ = largest;
  }
  // What the bytes shown begin with.
  Part next(Bytes shown) noexcept;
  // Bytes that are lost: true if they were inside a chunk's data.
  bool skip(uint64_t bytes) noexcept;

 private:
  enum class State : uint8_t { Size, MoreSize, SizeLine, Data, DataEnd };
  static constexpr size_t kMaxSizeBytes = 64;  // blanks and digits that are waited for

  // The number that goes on at `at`; false if it is too large.
  bool read_digits(Bytes shown, size_t& at) noexcept;
  State state_ = State::Size;
  uint64_t left_ = 0;  // of the chunk
  uint64_t largest_ = INT32_MAX;
};

}  // namespace sluice::http

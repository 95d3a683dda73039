// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Where lines and header blocks end, found a piece at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/dpi/protocol/http_text.h"

namespace sluice::http {

// What ends a line. Servers take CRLF and LF; browsers moreover CR alone and
// LF CR, so in a response those are ends too.
enum class LineEnds : uint8_t { Lf, Any };

enum class Found : uint8_t { No, Yes };

// One search, which goes on where it stood when more bytes have come behind
// those that it has seen. Positions count from the first byte shown.
class LineSearch {
 public:
  void restart() noexcept { searched_ = line_start_ = 0; }

  // To the end of the line that begins at the first byte. `content` is what it
  // holds, `next` where the following line begins. `end`: no byte will follow,
  // so the last line has no end to wait for.
  bool line(Bytes shown, LineEnds ends, bool end) noexcept;

  // Past the empty line that ends the header block which begins at the first
  // byte: `next` is where the body begins.
  bool block(Bytes shown, LineEnds ends, bool end) noexcept;

  size_t content_size() const noexcept { return content_size_; }
  size_t next() const noexcept { return next_; }
  // Of a block that has not ended: where its last, cut line begins.
  size_t cut_line() const noexcept { return line_start_; }

 private:
  bool found(size_t content_end, size_t next) noexcept;
  bool next_line(Bytes shown, LineEnds ends, bool end, bool in_block) noexcept;

  uint32_t searched_ = 0;    // no line ends before it but those that were passed
  uint32_t line_start_ = 0;  // of the line being searched
  uint32_t content_size_ = 0;
  uint32_t next_ = 0;
};

// Lines of a block that is all there, one a call.
class LineReader {
 public:
  LineReader(Bytes block, LineEnds ends) noexcept : rest_(block), ends_(ends) {}
  // False at the end. Without its line end; may be empty.
  bool next(Bytes& line) noexcept;

 private:
  Bytes rest_;
  LineEnds ends_;
};

}  // namespace sluice::http

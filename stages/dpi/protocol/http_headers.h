// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// First lines and header blocks taken apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stages/dpi/protocol/http_lines.h"
#include "stages/dpi/protocol/http_text.h"

namespace sluice::http {

struct RequestLine {
  Bytes method, target;
  Bytes protocol;  // empty: none was said, as in HTTP/0.9
};
RequestLine read_request_line(Bytes line) noexcept;

struct StatusLine {
  Bytes protocol, code, message;
};
StatusLine read_status_line(Bytes line) noexcept;

// Whether a line is taken for a status line, as browsers do: by its first word.
bool resembles_status_line(Bytes line) noexcept;

// 9, 10, 11 of HTTP/0.9, /1.0, /1.1; else 0.
uint8_t version_of(Bytes protocol) noexcept;

// What header fields say about the body's extent and codings.
struct Framing {
  int64_t content_length = -1;  // -1: not said, or no number
  bool chunked = false;
  uint8_t codings = 0;  // that can be undone, kMaxCodings at most

  static constexpr uint8_t kMaxCodings = 2;
  // `largest`: of several lengths the largest counts, as browsers that go on
  // reading do; else the first.
  void note(Bytes name, Bytes value, bool largest) noexcept;
};

// One header block's fields in their order. Names that come again are linked to
// the first of that name, folded lines to the line that they continue.
class HeaderTable {
 public:
  static constexpr size_t kMaxLines = 512;
  static constexpr uint16_t kNone = 0xffff;
  static constexpr unsigned kMaxStrangers = 16;  // of one hash that a name is compared with

  // Without default values: a table lives on the stack, and few of its lines
  // are ever used.
  struct Line {
    const uint8_t* name_data;
    const uint8_t* value_data;
    uint32_t name_size;  // 0 where the line has no colon, and of folded lines
    uint32_t value_size;
    uint32_t hash;
    uint16_t next;  // the line that goes on with this field's value
    uint16_t last;  // of a field: the last such line
    bool first;     // of its field
    bool folded;    // belongs to the line before without a separator

    Bytes name() const noexcept { return {name_data, name_size}; }
    Bytes value() const noexcept { return {value_data, value_size}; }
  };

  // Lines beyond kMaxLines are heard for the framing only. False if there were.
  bool read(Bytes block, LineEnds ends, Framing& framing) noexcept;

  size_t size() const noexcept { return size_; }
  const Line& operator[](size_t i) const noexcept { return lines_[i]; }

  // The value of a field, put together as it is written: its lines' values with
  // ", " between them. At most value_room() bytes; returns how many.
  size_t write_value(size_t field, uint8_t* out) const noexcept;
  size_t value_room(size_t field) const noexcept;

 private:
  uint16_t find(Bytes name, uint32_t hash) const noexcept;
  void add_field(Bytes name, Bytes value) noexcept;
  void continue_field(uint16_t field, Bytes value, bool folded) noexcept;

  size_t size_ = 0;
  uint16_t field_ = kNone;  // that a folded line continues
  std::array<uint16_t, 128> heads_;
  std::array<uint16_t, kMaxLines> chain_;
  std::array<Line, kMaxLines> lines_;
};

// Names compared without regard to case and NUL bytes.
bool same_name(Bytes a, std::string_view lowered) noexcept;

}  // namespace sluice::http

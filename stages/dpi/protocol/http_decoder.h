// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Content codings undone: gzip (RFC 1952) and deflate, which is said of zlib
// (RFC 1950) and raw (RFC 1951) streams alike, whatever the header names them.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/arena.h"
#include "stages/dpi/protocol/http_text.h"

namespace sluice::http {

// One coding of one body, in one block of an arena, which also holds room for
// what comes out.
class Decoder {
 public:
  static constexpr size_t kBlock = 64 * 1024 - 16;  // with the arena's header a whole block

  // Null when the arena has no room.
  static Decoder* create(Arena& arena) noexcept;
  // Gives zlib's memory back but leaves the block and with it room(), which
  // arena_free(this) then frees.
  void close() noexcept;

  // Memory of the block that the decoder itself does not use.
  std::span<uint8_t> room() noexcept;

  struct Step {
    size_t consumed = 0;
    size_t produced = 0;
  };
  // Takes from `in` and puts into `out` until `in` is used up and nothing more
  // comes of it, or `out` is full. What is no compressed stream is passed
  // through; what follows a whole stream is dropped unless it is another one.
  Step decode(Bytes in, std::span<uint8_t> out) noexcept;

  // Behind the last byte: whether there is more to be had, by decode() without
  // input. A short beginning that never became a stream is shown as it is.
  bool finish() noexcept;

  // All that comes now is behind the stream, and dropped.
  bool drops() const noexcept { return state_ == State::Drop; }
  bool failed() const noexcept { return failed_; }
  bool decoded() const noexcept { return produced_ > 0; }  // something came out of zlib

 private:
  enum class State : uint8_t { Format, Inflate, Trailer, Drop, PassThrough };
  // The beginning is kept: if it turns out to be no stream as it was read, it
  // may be one read otherwise, or none at all.
  static constexpr size_t kKept = 1024;
  // What zlib 1.2 and 1.3 ask for: their state, and a window.
  static constexpr size_t kZlib = 8 * 1024 + 32 * 1024 + 64;

  explicit Decoder(Arena& arena) noexcept : arena_(&arena) {}
  static void* allocate(void* self, unsigned items, unsigned size) noexcept;
  static void release(void* self, void* block) noexcept;

  uint8_t* memory() noexcept { return reinterpret_cast<uint8_t*>(this + 1); }
  bool certain() const noexcept;  // the first bytes name the format
  void keep(Bytes& in) noexcept;
  bool choose_format() noexcept;
  void pass_through() noexcept;
  void look_for_another() noexcept;
  // Of what has not been fed yet: the kept beginning first, then `in`.
  Bytes pending(Bytes in) const noexcept;
  void feed(size_t n, Bytes& in) noexcept;

  Arena* arena_;
  z_stream stream_{};
  State state_ = State::Format;
  bool open_ = false;
  bool failed_ = false;
  bool gzip_ = false;
  bool another_ = false;       // behind a whole gzip member
  bool kept_overrun_ = false;  // more has been fed than kept_ holds
  uint8_t reading_ = 0;        // which way of reading the beginning is tried
  uint8_t trailer_left_ = 0;
  uint16_t kept_size_ = 0;
  uint16_t kept_fed_ = 0;
  uint64_t produced_ = 0;
  size_t zlib_used_ = 0;
  uint8_t kept_[kKept];
};

}  // namespace sluice::http

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_decoder.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace sluice::http {

namespace {

constexpr int kMore = -1;  // too short to tell
constexpr int kNone = -2;  // no way is left

bool is_gzip(Bytes in) {
  return in.size() >= 2 && in[0] == 0x1f && in[1] == 0x8b;
}
bool is_zlib(Bytes in) {
  return in.size() >= 2 && (in[0] & 0x0f) == 8 && (in[0] << 8 | in[1]) % 31 == 0;
}

// RFC 1952 section 2.3. Reserved flags and other methods are passed over.
int gzip_header(Bytes in) {
  if (in.size() < 10) return kMore;
  const uint8_t flags = in[3];
  size_t at = 10;
  if (flags & 4) {  // extra field
    if (in.size() < at + 2) return kMore;
    at += 2u + (in[at] | in[at + 1] << 8);
  }
  for (const uint8_t strings : {uint8_t{8}, uint8_t{16}}) {  // name, comment
    if ((flags & strings) == 0) continue;
    while (at < in.size() && in[at] != 0) ++at;
    ++at;
  }
  if (flags & 2) at += 2;  // checksum of the header
  return at > in.size() ? kMore : static_cast<int>(at);
}

// Where raw deflate data would begin, by the ways of reading a beginning, the
// likeliest first.
int deflate_start(Bytes in, unsigned reading) {
  if (in.size() < 2) return kMore;
  if (is_gzip(in)) {
    switch (reading) {
      case 0:
        return gzip_header(in);
      case 1:
        return in.size() < 10 ? kMore : 10;
      case 2:
        return 0;
      default:
        return kNone;
    }
  }
  const bool zlib = is_zlib(in);
  switch (reading) {
    case 0:
      return zlib ? 2 : 0;
    case 1:
      return zlib ? 0 : 2;
    default:
      return kNone;
  }
}

}  // namespace

Decoder* Decoder::create(Arena& arena) noexcept {
  void* block = arena.allocate(kBlock);
  return block == nullptr ? nullptr : new (block) Decoder(arena);
}

void Decoder::close() noexcept {
  if (open_) inflateEnd(&stream_);
  open_ = false;
}

std::span<uint8_t> Decoder::room() noexcept {
  return {memory() + kZlib, kBlock - sizeof(Decoder) - kZlib};
}

void* Decoder::allocate(void* self, unsigned items, unsigned size) noexcept {
  auto* decoder = static_cast<Decoder*>(self);
  const size_t bytes = (size_t{items} * size + 15) / 16 * 16;
  if (decoder->zlib_used_ + bytes > kZlib) return decoder->arena_->allocate(bytes);
  void* block = decoder->memory() + decoder->zlib_used_;
  decoder->zlib_used_ += bytes;
  return block;
}

void Decoder::release(void* self, void* block) noexcept {
  auto* decoder = static_cast<Decoder*>(self);
  const auto* at = static_cast<const uint8_t*>(block);
  if (at < decoder->memory() || at >= decoder->memory() + kZlib) arena_free(block);
}

Bytes Decoder::pending(Bytes in) const noexcept {
  if (kept_fed_ == kept_size_) return in;
  return {kept_ + kept_fed_, static_cast<size_t>(kept_size_ - kept_fed_)};
}

void Decoder::feed(size_t n, Bytes& in) noexcept {
  if (kept_fed_ < kept_size_) {
    kept_fed_ = static_cast<uint16_t>(kept_fed_ + n);
  } else {
    in = in.subspan(n);
    if (n > 0) kept_overrun_ = true;
  }
}

void Decoder::keep(Bytes& in) noexcept {
  if (kept_overrun_ || kept_size_ == kKept || in.empty()) return;
  const size_t n = std::min(in.size(), kKept - kept_size_);
  std::memcpy(kept_ + kept_size_, in.data(), n);
  kept_size_ = static_cast<uint16_t>(kept_size_ + n);
  in = in.subspan(n);
}

bool Decoder::choose_format() noexcept {
  const Bytes kept(kept_, kept_size_);
  if (another_ && kept.size() >= 2 && !is_gzip(kept)) {
    state_ = State::Drop;
    return true;
  }
  const int start = deflate_start(kept, reading_);
  if (start == kMore && kept_size_ < kKept) return false;
  if (start == kNone || start == kMore) {
    pass_through();
    return true;
  }
  if (!open_) {
    stream_.zalloc = allocate;
    stream_.zfree = release;
    stream_.opaque = this;
    open_ = inflateInit2(&stream_, -15) == Z_OK;
  } else if (inflateReset(&stream_) != Z_OK) {
    close();
  }
  if (!open_) {
    pass_through();
    return true;
  }
  state_ = State::Inflate;
  kept_fed_ = static_cast<uint16_t>(start);
  return true;
}

// From the beginning where that is still known.
void Decoder::pass_through() noexcept {
  state_ = State::PassThrough;
  failed_ = true;
  if (!kept_overrun_) kept_fed_ = 0;
}

bool Decoder::certain() const noexcept {
  const Bytes kept(kept_, kept_size_);
  return is_gzip(kept) || is_zlib(kept);
}

bool Decoder::finish() noexcept {
  const bool undecided =
      state_ == State::Format || (state_ == State::Inflate && !certain() && !kept_overrun_);
  if (!undecided || another_ || kept_size_ == 0) return false;
  pass_through();
  return true;
}

// Behind a whole gzip member there may be another.
void Decoder::look_for_another() noexcept {
  if (!gzip_) {
    state_ = State::Drop;
    return;
  }
  std::memmove(kept_, kept_ + kept_fed_, static_cast<size_t>(kept_size_ - kept_fed_));
  kept_size_ = static_cast<uint16_t>(kept_size_ - kept_fed_);
  kept_fed_ = 0;
  kept_overrun_ = false;
  reading_ = 0;
  another_ = true;
  state_ = State::Format;
}

Decoder::Step Decoder::decode(Bytes in, std::span<uint8_t> out) noexcept {
  const size_t given = in.size(), room = out.size();
  while (!out.empty()) {
    keep(in);
    if (state_ == State::Format) {
      if (!choose_format()) break;
      continue;
    }
    const Bytes next = pending(in);
    size_t n = 0;
    if (state_ == State::Inflate) {
      // Without input too: output may be waiting in zlib.
      stream_.next_in = const_cast<Bytef*>(next.data());
      stream_.avail_in = static_cast<uInt>(next.size());
      stream_.next_out = out.data();
      stream_.avail_out = static_cast<uInt>(out.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const size_t fed = next.size() - stream_.avail_in;
      n = out.size() - stream_.avail_out;
      feed(fed, in);
      produced_ += n;
      out = out.subspan(n);
      const bool ended = result == Z_STREAM_END;
      // An empty stream is no stream where nothing else says that it is one.
      const bool empty = ended && produced_ == 0 && !certain();
      if (ended && !empty) {
        gzip_ = is_gzip({kept_, kept_size_});
        trailer_left_ = gzip_ ? 8 : 4;
        state_ = State::Trailer;
      } else if (empty || (result != Z_OK && result != Z_BUF_ERROR)) {
        if (!kept_overrun_ && produced_ == 0) {
          ++reading_;
          state_ = State::Format;
        } else {
          pass_through();
        }
      } else if (n == 0 && fed == 0) {
        break;
      }
      continue;
    }
    if (next.empty()) break;
    switch (state_) {
      case State::Trailer:
        n = std::min<size_t>(trailer_left_, next.size());
        trailer_left_ = static_cast<uint8_t>(trailer_left_ - n);
        feed(n, in);
        if (trailer_left_ == 0) look_for_another();
        break;
      case State::Drop:
        feed(next.size(), in);
        break;
      default:  // PassThrough
        n = std::min(next.size(), out.size());
        std::memcpy(out.data(), next.data(), n);
        out = out.subspan(n);
        feed(n, in);
        break;
    }
  }
  return {given - in.size(), room - out.size()};
}

}  // namespace sluice::http

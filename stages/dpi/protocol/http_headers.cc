// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_headers.h"

#include <immintrin.h>

#include <cstring>

namespace sluice::http {

namespace {

uint32_t hash_of(Bytes name) {
  uint32_t hash = 0;
  for (const uint8_t c : name) {
    if (c != 0) hash = _mm_crc32_u8(hash, lower(c));
  }
  return hash;
}

bool same(Bytes a, Bytes b) {
  auto x = a.begin();
  auto y = b.begin();
  while (true) {
    while (x != a.end() && *x == 0) ++x;
    while (y != b.end() && *y == 0) ++y;
    if (x == a.end() || y == b.end()) return x == a.end() && y == b.end();
    if (lower(*x++) != lower(*y++)) return false;
  }
}

Bytes word(Bytes& rest) {
  while (!rest.empty() && is_space(rest.front())) rest = rest.subspan(1);
  size_t n = 0;
  while (n < rest.size() && !is_space(rest[n])) ++n;
  const Bytes found = rest.first(n);
  rest = rest.subspan(n);
  return found;
}

Bytes trim_end(Bytes in) {
  while (!in.empty() && is_space(in.back())) in = in.first(in.size() - 1);
  return in;
}

Bytes without_leading_junk(Bytes line) {
  while (!line.empty() && (is_space(line.front()) || line.front() == 0)) line = line.subspan(1);
  return line;
}

Bytes behind_number(Bytes in) {
  const auto digit = std::find_if(in.begin(), in.end(), is_digit);
  return {std::find_if_not(digit, in.end(), is_digit), in.end()};
}

// The codings of a list that can be undone, however they are spelt.
unsigned codings_in(Bytes list) {
  unsigned found = 0;
  while (!list.empty()) {
    size_t n = 0;
    while (n < list.size() && list[n] != ',' && !is_space(list[n])) ++n;
    const Bytes coding = list.first(n);
    if (contains(coding, "gzip") || contains(coding, "deflate")) ++found;
    list = list.subspan(std::min(n + 1, list.size()));
  }
  return found;
}

// "HTTP/1.1", and what others call themselves: a word, a slash, a number.
bool is_protocol(Bytes in) {
  const size_t slash = text(in).find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  if (equals(in.first(slash), "http")) return true;
  return std::all_of(in.begin(), in.begin() + static_cast<ptrdiff_t>(slash), is_letter) &&
         slash + 1 < in.size() && is_digit(in[slash + 1]);
}

}  // namespace

RequestLine read_request_line(Bytes line) noexcept {
  RequestLine read;
  Bytes rest = line;
  read.method = word(rest);
  rest = trim(rest);
  // The target may hold blanks: it ends where the protocol begins.
  size_t last = rest.size();
  while (last > 0 && !is_space(rest[last - 1])) --last;
  if (is_protocol(rest.subspan(last))) {
    read.protocol = rest.subspan(last);
    rest = trim(rest.first(last));
  }
  read.target = rest;
  return read;
}

StatusLine read_status_line(Bytes line) noexcept {
  StatusLine read;
  Bytes rest = without_leading_junk(line);
  read.protocol = word(rest);
  read.code = word(rest);
  while (!rest.empty() && is_space(rest.front())) rest = rest.subspan(1);
  read.message = rest;
  return read;
}

bool resembles_status_line(Bytes line) noexcept {
  return begins_with(without_leading_junk(line), "http");
}

uint8_t version_of(Bytes protocol) noexcept {
  if (equals(protocol, "http/1.1")) return 11;
  if (equals(protocol, "http/1.0")) return 10;
  if (equals(protocol, "http/0.9")) return 9;
  return 0;
}

bool same_name(Bytes a, std::string_view lowered) noexcept {
  return same(a, bytes(lowered));
}

void Framing::note(Bytes name, Bytes value, bool largest) noexcept {
  // Most names are neither: their length says so.
  if (name.size() < 14) return;
  if (same_name(name, "content-length")) {
    if (content_length < 0) content_length = number(value);
    while (largest && !value.empty()) {
      content_length = std::max(content_length, number(value));
      value = behind_number(value);
    }
  } else if (same_name(name, "transfer-encoding")) {
    chunked = chunked || contains(value, "chunked");
    codings = static_cast<uint8_t>(std::min<unsigned>(codings + codings_in(value), kMaxCodings));
  } else if (same_name(name, "content-encoding")) {
    codings = static_cast<uint8_t>(std::min<unsigned>(codings + codings_in(value), kMaxCodings));
  }
}

uint16_t HeaderTable::find(Bytes name, uint32_t hash) const noexcept {
  // Names of one hash are easily made: beyond a few each is a field of its own.
  unsigned strangers = 0;
  for (uint16_t at = heads_[hash % heads_.size()]; at != kNone; at = chain_[at]) {
    if (lines_[at].hash != hash) continue;
    if (same(lines_[at].name(), name)) return at;
    if (++strangers == kMaxStrangers) break;
  }
  return kNone;
}

void HeaderTable::add_field(Bytes name, Bytes value) noexcept {
  const auto at = static_cast<uint16_t>(size_++);
  const uint32_t hash = hash_of(name);
  lines_[at] = {name.data(),
                value.data(),
                static_cast<uint32_t>(name.size()),
                static_cast<uint32_t>(value.size()),
                hash,
                kNone,
                at,
                true,
                false};
  field_ = at;
  uint16_t& head = heads_[hash % heads_.size()];
  chain_[at] = head;
  head = at;
}

void HeaderTable::continue_field(uint16_t field, Bytes value, bool folded) noexcept {
  const auto at = static_cast<uint16_t>(size_++);
  lines_[at] = {nullptr, value.data(), 0,     static_cast<uint32_t>(value.size()), 0, kNone,
                at,      false,        folded};
  lines_[lines_[field].last].next = at;
  lines_[field].last = at;
  field_ = field;
}

bool HeaderTable::read(Bytes block, LineEnds ends, Framing& framing) noexcept {
  const bool response = ends == LineEnds::Any;
  size_ = 0;
  field_ = kNone;
  heads_.fill(kNone);
  bool all = true;
  Bytes name, nameless;  // of the line before: its name, or what it is without a colon
  LineReader reader(block, ends);
  for (Bytes line; reader.next(line);) {
    if (line.empty()) continue;
    bool folded = field_ != kNone && (is_blank(line.front()) || (response && line.front() == 0));
    const size_t colon = std::min(text(line).find(':'), line.size());
    const bool has_colon = colon < line.size();
    Bytes value = line;
    if (has_colon && !folded) {
      name = trim_end(line.first(colon));
      value = line.subspan(colon + 1);
      nameless = {};
    } else if (has_colon && response) {
      // Browsers take a folded line with a colon for a field of its own, or for
      // the rest of one whose colon is still to come.
      const Bytes before = trim(line.first(colon));
      folded = false;
      name = before.empty() && !nameless.empty() ? nameless : before;
      value = line.subspan(colon + 1);
      nameless = {};
    } else if (!folded) {
      name = {};
      nameless = trim_end(line);
    }
    framing.note(name, value, response);
    if (size_ == kMaxLines) {
      all = false;
    } else if (folded) {
      continue_field(field_, value, true);
    } else if (const uint16_t before = find(name, hash_of(name)); before != kNone) {
      continue_field(before, value, false);
    } else {
      add_field(name, value);
    }
  }
  return all;
}

size_t HeaderTable::value_room(size_t field) const noexcept {
  size_t room = 0;
  for (size_t at = field; at != kNone; at = lines_[at].next) room += lines_[at].value_size + 2;
  return room;
}

size_t HeaderTable::write_value(size_t field, uint8_t* out) const noexcept {
  size_t size = 0, begin = 0;  // of the line's value
  const auto drop_blanks = [&] {
    while (size > begin && is_blank(out[size - 1])) --size;
  };
  for (size_t at = field; at != kNone; at = lines_[at].next) {
    Bytes value = lines_[at].value();
    if (at != field && !lines_[at].folded) {
      drop_blanks();
      out[size++] = ',';
      out[size++] = ' ';
      begin = size;
    }
    if (size == begin) {
      while (!value.empty() && is_blank(value.front())) value = value.subspan(1);
    }
    if (!value.empty()) std::memcpy(out + size, value.data(), value.size());
    size += value.size();
  }
  drop_blanks();
  return size;
}

}  // namespace sluice::http

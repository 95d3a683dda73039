// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_uri.h"

#include <cstring>

namespace sluice::http {

namespace {

constexpr uint8_t kUnknown = '?';

// Of Windows-1252's best-fit mappings those that give characters which mean
// something in a path; and Latin letters without their marks.
uint8_t nearest(uint32_t c) {
  if (c < 0x100) return static_cast<uint8_t>(c);
  if (c >= 0xff01 && c <= 0xff5e) return static_cast<uint8_t>(c - 0xff01 + 0x21);  // full width
  struct Pair {
    uint16_t from;
    uint8_t to;
  };
  static constexpr Pair kPairs[] = {
      {0x0100, 'A'}, {0x0101, 'a'}, {0x0106, 'C'},  {0x0107, 'c'},  {0x010c, 'C'}, {0x010d, 'c'},
      {0x010e, 'D'}, {0x010f, 'd'}, {0x0112, 'E'},  {0x0113, 'e'},  {0x011a, 'E'}, {0x011b, 'e'},
      {0x011e, 'G'}, {0x011f, 'g'}, {0x0128, 'I'},  {0x0129, 'i'},  {0x0130, 'I'}, {0x0131, 'i'},
      {0x0136, 'K'}, {0x0137, 'k'}, {0x0141, 'L'},  {0x0142, 'l'},  {0x0143, 'N'}, {0x0144, 'n'},
      {0x014c, 'O'}, {0x014d, 'o'}, {0x0158, 'R'},  {0x0159, 'r'},  {0x015a, 'S'}, {0x015b, 's'},
      {0x0164, 'T'}, {0x0165, 't'}, {0x016a, 'U'},  {0x016b, 'u'},  {0x0174, 'W'}, {0x0175, 'w'},
      {0x0179, 'Z'}, {0x017a, 'z'}, {0x02b9, '\''}, {0x02bc, '\''}, {0x02c4, '^'}, {0x02cb, '`'},
      {0x0300, '`'}, {0x0302, '^'}, {0x0303, '~'},  {0x037e, ';'},  {0x0589, ':'}, {0x066a, '%'},
      {0x2010, '-'}, {0x2011, '-'}, {0x2032, '\''}, {0x2035, '`'},  {0x2044, '/'}, {0x2074, '4'},
      {0x2075, '5'}, {0x2076, '6'}, {0x2077, '7'},  {0x2078, '8'},  {0x2079, '9'}, {0x2080, '0'},
      {0x2081, '1'}, {0x2082, '2'}, {0x2083, '3'},  {0x2084, '4'},  {0x2085, '5'}, {0x2086, '6'},
      {0x2087, '7'}, {0x2088, '8'}, {0x2089, '9'},  {0x2212, '-'},  {0x2215, '/'}, {0x2216, '\\'},
      {0x2217, '*'}, {0x2223, '|'}, {0x2236, ':'},  {0x223c, '~'},  {0x2264, '='}, {0x2265, '='},
      {0x2303, '^'}, {0x2329, '<'}, {0x232a, '>'},  {0x2758, '|'},  {0x3008, '<'}, {0x3009, '>'},
      {0x301a, '['}, {0x301b, ']'}};
  if (c >= 0x2000 && c <= 0x2006) return ' ';
  if (c == 0x3000) return ' ';
  for (const Pair& pair : kPairs) {
    if (pair.from == c) return pair.to;
  }
  return kUnknown;
}

// One to four bytes; overlong ones are accepted, since some servers do. How
// many there are; 0: none, `c` untouched.
size_t utf8_character(Bytes in, uint32_t& c) {
  const uint8_t first = in[0];
  const size_t length = first >= 0xc0 && first < 0xe0   ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (length == 0 || in.size() < length) return 0;
  uint32_t value = first & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((in[i] & 0xc0) != 0x80) return 0;
    value = value << 6 | (in[i] & 0x3f);
  }
  c = value;
  return length;
}

int hex_pair(Bytes in, size_t at) {
  if (at + 2 > in.size()) return -1;
  const int high = hex_digit(in[at]), low = hex_digit(in[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Undoes escapes and turns and joins slashes. In place is allowed.
size_t unescape_path(Bytes in, uint8_t* out) {
  size_t written = 0;
  for (size_t at = 0; at < in.size();) {
    uint8_t c = in[at];
    size_t taken = 1;
    if (c == '%') {
      const int byte = hex_pair(in, at + 1);
      if (byte >= 0) {
        c = static_cast<uint8_t>(byte);
        taken = 3;
      } else if (at + 1 < in.size() && lower(in[at + 1]) == 'u') {
        const int high = hex_pair(in, at + 2), low = hex_pair(in, at + 4);
        if (high >= 0 && low >= 0) {
          c = nearest(static_cast<uint32_t>(high << 8 | low));
          taken = 6;
        }
      }
    }
    at += taken;
    if (c == '\\') c = '/';
    if (c == '/' && written > 0 && out[written - 1] == '/') continue;
    out[written++] = c;
  }
  return written;
}

size_t undo_utf8(uint8_t* data, size_t size) {
  size_t written = 0;
  for (size_t at = 0; at < size;) {
    if (data[at] < 0x80) {
      data[written++] = data[at++];
      continue;
    }
    uint32_t c = 0;
    const size_t length = utf8_character({data + at, size - at}, c);
    data[written++] = length == 0 ? kUnknown : nearest(c);
    at += length == 0 ? 1 : length;
  }
  return written;
}

size_t remove_dot_segments(uint8_t* data, size_t size) {
  size_t written = 0;
  for (size_t at = 0; at < size;) {
    const bool slash = data[at] == '/';
    const size_t name = at + (slash ? 1 : 0);
    size_t end = name;
    while (end < size && data[end] != '/') ++end;
    const size_t length = end - name;
    const bool one = length == 1 && data[name] == '.';
    const bool two = length == 2 && data[name] == '.' && data[name + 1] == '.';
    if (one || two) {
      if (two) {
        while (written > 0 && data[written - 1] != '/') --written;
        if (written > 0) --written;
      }
      // A last dot segment leaves its slash; a leading relative one takes the
      // slash behind it along.
      if (end == size) {
        if (slash) data[written++] = '/';
        return written;
      }
      at = slash ? end : end + 1;
      continue;
    }
    std::memmove(data + written, data + at, end - at);
    written += end - at;
    at = end;
  }
  return written;
}

}  // namespace

Bytes host_without_port(Bytes authority) noexcept {
  authority = trim(authority);
  const std::string_view in = text(authority);
  if (in.starts_with('[')) {
    const size_t end = in.find(']');
    return end == std::string_view::npos ? authority : authority.first(end + 1);
  }
  return trim(authority.first(std::min(in.find(':'), in.size())));
}

Target split_target(Bytes target, bool authority) noexcept {
  Target parts;
  const auto set_host = [&parts](Bytes host) {
    if (const size_t at = text(host).rfind('@'); at != std::string_view::npos) {
      host = host.subspan(at + 1);
    }
    host = host_without_port(host);
    while (!host.empty() && host.back() == '.') host = host.first(host.size() - 1);
    parts.host = host;
    parts.has_host = !host.empty();
  };
  if (authority) {
    set_host(target);
    return parts;
  }
  Bytes rest = target;
  const size_t scheme = text(target).find("://");
  if (scheme != std::string_view::npos && scheme > 0 && scheme <= 16 &&
      std::all_of(target.begin(), target.begin() + static_cast<ptrdiff_t>(scheme), is_token)) {
    rest = target.subspan(scheme + 3);
    const size_t end = std::min(text(rest).find_first_of("/?#"), rest.size());
    set_host(rest.first(end));
    rest = rest.subspan(end);
  }
  const size_t end = std::min(text(rest).find_first_of("?#"), rest.size());
  parts.path = rest.first(end);
  rest = rest.subspan(end);
  const size_t hash = std::min(text(rest).find('#'), rest.size());
  parts.query = rest.first(hash);
  parts.fragment = rest.subspan(hash);
  return parts;
}

size_t normalise_target(const Target& target, uint8_t* out) noexcept {
  size_t size = unescape_path(target.path, out);
  size = undo_utf8(out, size);
  size = remove_dot_segments(out, size);
  if (!target.query.empty()) std::memcpy(out + size, target.query.data(), target.query.size());
  size += target.query.size();
  for (size_t at = 0; at < target.fragment.size();) {
    const int byte = target.fragment[at] == '%' ? hex_pair(target.fragment, at + 1) : -1;
    out[size++] = byte >= 0 ? static_cast<uint8_t>(byte) : target.fragment[at];
    at += byte >= 0 ? 3 : 1;
  }
  return size;
}

}  // namespace sluice::http

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/dns_name.h"

#include <algorithm>

namespace sluice {

namespace {

constexpr uint8_t kKindMask = 0xc0;
constexpr uint8_t kPointer = 0xc0;
// A name of 255 bytes has at most 127 labels, and a compressor has no reason
// for more than one pointer before each.
constexpr int kMaxPointers = 128;

void append_label(DnsName& name, std::span<const uint8_t> label) {
  if (name.size > 0) {
    if (name.size == DnsName::kMax) {
      name.cut = true;
      return;
    }
    name.bytes[name.size++] = '.';
  }
  const size_t taken = std::min(label.size(), DnsName::kMax - name.size);
  std::copy_n(label.begin(), taken, name.bytes.begin() + name.size);
  name.size = static_cast<uint8_t>(name.size + taken);
  if (taken < label.size()) name.cut = true;
}

}  // namespace

bool read_dns_name(std::span<const uint8_t> message, size_t& at, DnsName& name) noexcept {
  name.size = 0;
  name.cut = false;
  size_t from = at;
  size_t lowest = at;  // pointers must go below: no loops
  bool jumped = false;
  for (int pointers = 0;;) {
    if (from >= message.size()) return false;
    const uint8_t length = message[from];
    if ((length & kKindMask) == kPointer) {
      if (from + 2 > message.size()) return false;
      const size_t target = static_cast<size_t>(length & ~kKindMask) << 8 | message[from + 1];
      if (!jumped) at = from + 2;
      jumped = true;
      if (target >= lowest || ++pointers > kMaxPointers) return false;
      from = lowest = target;
      continue;
    }
    if ((length & kKindMask) != 0 || from + 1 + length > message.size()) return false;
    if (length == 0) break;
    append_label(name, message.subspan(from + 1, length));
    from += 1 + static_cast<size_t>(length);
  }
  if (!jumped) at = from + 1;
  return true;
}

bool skip_dns_name(std::span<const uint8_t> message, size_t& at) noexcept {
  for (size_t from = at; from < message.size();) {
    const uint8_t length = message[from];
    if ((length & kKindMask) == kPointer) {
      at = from + 2;
      return at <= message.size();
    }
    if ((length & kKindMask) != 0) return false;
    from += 1 + static_cast<size_t>(length);
    if (length == 0) {
      at = from;
      return true;
    }
  }
  return false;
}

bool same_dns_name(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/der_reader.h"

namespace sluice {

namespace {

constexpr uint8_t kConstructed = 0x20;
constexpr uint8_t kLongTag = 0x1f;
constexpr uint8_t kIndefinite = 0x80;

}  // namespace

DerElement DerReader::element(int depth) noexcept {
  if (rest_.empty()) return {};
  const auto all = rest_;
  const uint8_t tag = tag_of(all[0]);
  // Certificates have no tags of several bytes, and no element of tag 0 but
  // what ends an indefinite length.
  if ((tag & kLongTag) == kLongTag || tag == 0 || all.size() < 2) {
    fail();
    return {};
  }
  size_t header = 2;
  size_t size = all[1];
  if (size == kIndefinite) {
    if ((tag & kConstructed) == 0 || depth == 0) {
      fail();
      return {};
    }
    rest_ = all.subspan(header);
    while (!failed_) {
      if (rest_.size() < 2) {
        fail();
      } else if (rest_[0] == 0 && rest_[1] == 0) {
        break;
      } else {
        element(depth - 1);
      }
    }
    if (failed_) return {};
    const size_t end = all.size() - rest_.size();
    rest_ = rest_.subspan(2);
    return {tag, all.subspan(header, end - header), all.first(end + 2)};
  }
  if (size > kIndefinite) {
    const size_t bytes = size & 0x7f;
    if (bytes > 8 || all.size() < header + bytes) {
      fail();
      return {};
    }
    size = 0;
    for (size_t i = 0; i < bytes; ++i) size = size << 8 | all[header + i];
    header += bytes;
  }
  if (size > all.size() - header) {
    fail();
    return {};
  }
  rest_ = all.subspan(header + size);
  return {tag, all.subspan(header, size), all.first(header + size)};
}

}  // namespace sluice

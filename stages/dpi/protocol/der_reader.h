// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice {

// One element of DER (X.690) and where it ends.
struct DerElement {
  uint8_t tag = 0;  // with class and "constructed"; 0: none
  std::span<const uint8_t> content;
  std::span<const uint8_t> whole;  // with its header
};

// Walks over elements that stand one behind the other. Takes BER where a
// certificate's readers do, too: longer forms of length than needed, and
// indefinite length. After anything malformed there is nothing left.
class DerReader {
 public:
  static constexpr int kMaxDepth = 12;  // of elements of indefinite length

  enum : uint8_t {
    kBoolean = 0x01,
    kInteger = 0x02,
    kBitString = 0x03,
    kOctetString = 0x04,
    kObjectId = 0x06,
    kUtcTime = 0x17,
    kGeneralizedTime = 0x18,
    kSequence = 0x30,
    kSet = 0x31,
  };

  explicit DerReader(std::span<const uint8_t> bytes) noexcept : rest_(bytes) {}

  // The next element; its tag is 0 at the end and when failed().
  DerElement next() noexcept { return element(kMaxDepth); }
  // The next one if it has this tag, else nothing is read and its tag is 0.
  DerElement next_if(uint8_t tag) noexcept {
    return rest_.empty() || tag_of(rest_.front()) != tag ? DerElement{} : next();
  }
  // The next one, which must have this tag.
  DerElement expect(uint8_t tag) noexcept {
    DerElement e = next();
    if (e.tag != tag) fail();
    return e.tag == tag ? e : DerElement{};
  }

  bool empty() const noexcept { return rest_.empty(); }
  bool failed() const noexcept { return failed_; }

 private:
  // A sequence or set that does not say that it is constructed: readers of
  // certificates let that pass.
  static constexpr uint8_t tag_of(uint8_t byte) noexcept {
    constexpr uint8_t kConstructed = 0x20;
    const uint8_t whole = byte | kConstructed;
    return whole == kSequence || whole == kSet ? whole : byte;
  }
  DerElement element(int depth) noexcept;
  void fail() noexcept {
    failed_ = true;
    rest_ = {};
  }

  std::span<const uint8_t> rest_;
  bool failed_ = false;
};

}  // namespace sluice

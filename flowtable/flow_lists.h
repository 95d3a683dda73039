// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Lists of entries by number, linked through an array beside the entries so
// that walking one does not touch them.
#pragma once

#include <cstdint>

namespace sluice {

inline constexpr uint32_t kNoEntry = 0xffffffff;

struct FlowLink {
  uint32_t prev;
  uint32_t next;
  uint32_t seat;  // in FlowAgeing, while the flow lives
};

// First in, first out, with removal anywhere. An entry is in one list at most.
class FlowList {
 public:
  bool empty() const noexcept { return head_ == kNoEntry; }
  uint32_t head() const noexcept { return head_; }
  uint32_t size() const noexcept { return size_; }

  void push_back(FlowLink* links, uint32_t entry) noexcept {
    links[entry].prev = tail_;
    links[entry].next = kNoEntry;
    (tail_ != kNoEntry ? links[tail_].next : head_) = entry;
    tail_ = entry;
    ++size_;
  }

  void remove(FlowLink* links, uint32_t entry) noexcept {
    const FlowLink& link = links[entry];
    (link.prev != kNoEntry ? links[link.prev].next : head_) = link.next;
    (link.next != kNoEntry ? links[link.next].prev : tail_) = link.prev;
    --size_;
  }

  uint32_t pop_front(FlowLink* links) noexcept {
    const uint32_t entry = head_;
    remove(links, entry);
    return entry;
  }

 private:
  uint32_t head_ = kNoEntry;
  uint32_t tail_ = kNoEntry;
  uint32_t size_ = 0;
};

}  // namespace sluice

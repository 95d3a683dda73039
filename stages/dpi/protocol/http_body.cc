// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_body.h"

#include <algorithm>
#include <cstring>

namespace sluice::http {

namespace {

constexpr uint32_t kFirstWindow = 2048 - 16;  // with the arena's header a whole block

}  // namespace

void Body::Told::operator()(HttpTransaction& transaction) const noexcept {
  uint64_t& fresh = transaction.fresh[static_cast<size_t>(from)];
  if (fresh == 0) return;
  sink.advanced(transaction, from);
  fresh = 0;
}

HttpTransaction::Body& Body::counts() noexcept {
  return from_ == Direction::Original ? transaction_->request_body : transaction_->response_body;
}

template <typename Each>
void Body::for_views(Each each) noexcept {
  if (from_ == Direction::Original) each(Buffer::HttpRequestBody);
  if (from_ == Direction::Reply || as_file_) each(Buffer::FileData);
}

void Body::begin(HttpTransaction* transaction, Direction from, unsigned codings,
                 HttpLane& lane) noexcept {
  *this = {};
  lane_ = &lane;
  transaction_ = transaction;
  from_ = from;
  if (transaction == nullptr) return;
  const HttpSettings& settings = lane.settings;
  const bool request = from == Direction::Original;
  as_file_ = request && (transaction->method == HttpTransaction::Method::Post ||
                         transaction->method == HttpTransaction::Method::Put);
  limit_ = request ? settings.request_body_limit : settings.response_body_limit;
  max_window_ = std::clamp<uint32_t>(settings.body_window, 1024, uint32_t{1} << 20) - 16;
  uint64_t buffers = 0;
  for_views([&](Buffer buffer) { buffers |= buffer_bit(buffer); });
  open_ = limit_ > 0 && (settings.wanted & buffers) != 0;
  if (!open_) return;
  for (unsigned layer = 0; layer < codings; ++layer) {
    decoders_[layer] = Decoder::create(lane.arena);
    if (decoders_[layer] == nullptr) {
      ++lane.counters.no_memory;
      stop();
      transaction->truncated = true;
      return;
    }
    ++codings_;
  }
  if (codings > 0) {
    // What comes out of the last coding lies in that decoder's own block.
    void*& owned = transaction->windows[static_cast<size_t>(from)];
    owned = decoders_[codings - 1];
    const std::span<uint8_t> room = decoders_[codings - 1]->room();
    window_ = room.data();
    capacity_ = max_window_ = std::min(max_window_, static_cast<uint32_t>(room.size()));
  }
}

void Body::append(Bytes bytes, const Told& told) noexcept {
  if (transaction_ == nullptr || bytes.empty()) return;
  counts().on_wire += bytes.size();
  if (full_) transaction_->truncated = true;
  if (!open_) return;
  if (codings_ == 0) {
    put(bytes, told);
  } else {
    decode(0, bytes, told);
  }
}

void Body::put(Bytes bytes, const Told& told) noexcept {
  while (!bytes.empty()) {
    const std::span<uint8_t> to = room(told);
    if (to.empty()) break;
    const size_t n = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), n);
    wrote(n);
    bytes = bytes.subspan(n);
  }
  if (!bytes.empty()) transaction_->truncated = true;
}

void Body::decode(unsigned layer, Bytes bytes, const Told& told) noexcept {
  Decoder& decoder = *decoders_[layer];
  const bool last = layer + 1u == codings_;
  while (open_) {
    const std::span<uint8_t> to = last ? room(told) : decoder.room();
    if (to.empty()) break;
    const Decoder::Step step = decoder.decode(bytes, to);
    bytes = bytes.subspan(step.consumed);
    inflated_ += step.produced;
    const HttpSettings& settings = lane_->settings;
    if (last) {
      wrote(step.produced);
    } else if (step.produced > 0) {
      decode(layer + 1u, to.first(step.produced), told);
    }
    // What comes of all that goes on is thrown away.
    if (open_ && decoders_[codings_ - 1]->drops()) {
      stop();
      return;
    }
    const bool bomb = inflated_ > settings.inflate_limit &&
                      inflated_ > uint64_t{settings.inflate_ratio} * counts().on_wire;
    if (open_ && (bomb || inflated_ > uint64_t{settings.inflate_bodies} * limit_)) {
      ++lane_->counters.bombs;
      transaction_->truncated = true;
      stop();
      return;
    }
    if (bytes.empty() && step.produced < to.size()) break;
  }
  if (!bytes.empty()) transaction_->truncated = true;
}

// Where the next bytes go; empty when no more are taken.
std::span<uint8_t> Body::room(const Told& told) noexcept {
  if (!open_) return {};
  if (size_ == capacity_) {
    if (capacity_ < max_window_ && grow()) {
      // There is room now.
    } else if (capacity_ == 0) {
      ++lane_->counters.no_memory;
      transaction_->truncated = true;
      stop();
      return {};
    } else {
      slide(told);
    }
  }
  const uint64_t left = limit_ - total_;
  return {window_ + size_, static_cast<size_t>(std::min<uint64_t>(left, capacity_ - size_))};
}

bool Body::grow() noexcept {
  const uint32_t larger = capacity_ == 0 ? std::min(kFirstWindow, max_window_)
                                         : std::min(2 * (capacity_ + 16) - 16, max_window_);
  auto* memory = static_cast<uint8_t*>(lane_->arena.allocate(larger));
  if (memory == nullptr) return false;
  if (size_ > 0) std::memcpy(memory, window_, size_);
  void*& owned = transaction_->windows[static_cast<size_t>(from_)];
  if (owned != nullptr) arena_free(owned);
  owned = window_ = memory;
  capacity_ = larger;
  for_views([&](Buffer buffer) {
    BufferView& view = transaction_->view(buffer, from_);
    if (view.present()) view.data = window_;
  });
  return true;
}

// The older half goes, so that a pattern across the cut is still seen whole.
void Body::slide(const Told& told) noexcept {
  told(*transaction_);
  const uint32_t gone = size_ - size_ / 2;
  std::memmove(window_, window_ + gone, size_ - gone);
  size_ -= gone;
  for_views([&](Buffer buffer) {
    BufferView& view = transaction_->view(buffer, from_);
    view.offset += gone;
    view.size = size_;
    view.scanned = view.scanned > gone ? view.scanned - gone : 0;
  });
}

void Body::wrote(size_t n) noexcept {
  if (n == 0) return;
  size_ += static_cast<uint32_t>(n);
  total_ += n;
  counts().decoded += n;
  full_ = total_ >= limit_;
  for_views([&](Buffer buffer) {
    BufferView& view = transaction_->view(buffer, from_);
    view.data = window_;
    view.size = size_;
    view.complete = full_;
    transaction_->fresh[static_cast<size_t>(from_)] |= buffer_bit(buffer);
  });
  if (full_) stop();
}

void Body::stop() noexcept {
  open_ = false;
  close_decoders();
}

void Body::close_decoders() noexcept {
  for (Decoder*& decoder : decoders_) {
    if (decoder == nullptr) continue;
    transaction_->response_decoded |= from_ == Direction::Reply && decoder->decoded();
    lane_->counters.decode_errors += decoder->failed() ? 1 : 0;
    decoder->close();
    if (transaction_->windows[static_cast<size_t>(from_)] != decoder) arena_free(decoder);
    decoder = nullptr;
  }
}

// The end shows of what could not be told before that it was no stream.
void Body::finish_decoders(const Told& told) noexcept {
  for (unsigned layer = 0; layer < codings_ && open_; ++layer) {
    if (decoders_[layer]->finish()) decode(layer, {}, told);
  }
}

void Body::finish(const Told& told) noexcept {
  if (transaction_ == nullptr) return;
  finish_decoders(told);
  abandon();
}

void Body::abandon() noexcept {
  if (transaction_ == nullptr) return;
  for_views([&](Buffer buffer) {
    BufferView& view = transaction_->view(buffer, from_);
    if (!view.present() || view.complete) return;
    view.complete = true;
    transaction_->fresh[static_cast<size_t>(from_)] |= buffer_bit(buffer);
  });
  stop();
  transaction_ = nullptr;
}

void Body::told() noexcept {
  if (!full_ || window_ == nullptr || transaction_ == nullptr) return;
  static constexpr uint8_t kNothing = 0;
  void*& owned = transaction_->windows[static_cast<size_t>(from_)];
  if (owned != nullptr) arena_free(owned);
  owned = nullptr;
  window_ = nullptr;
  for_views([&](Buffer buffer) {
    BufferView& view = transaction_->view(buffer, from_);
    view.offset += view.size;
    view.data = &kNothing;
    view.size = view.scanned = 0;
  });
}

}  // namespace sluice::http

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One message's body: decoded, and shown as a window that slides.
#pragma once

#include <cstdint>

#include "stages/dpi/protocol/http_decoder.h"
#include "stages/dpi/protocol/http_transaction.h"

namespace sluice::http {

class Body {
 public:
  // The sink is told of what the window has before some of it is given up.
  struct Told {
    TransactionSink& sink;
    Direction from;
    void operator()(HttpTransaction& transaction) const noexcept;
  };

  // `codings` of the body are undone. `transaction` may be null: nothing is kept.
  void begin(HttpTransaction* transaction, Direction from, unsigned codings,
             HttpLane& lane) noexcept;
  void append(Bytes bytes, const Told& told) noexcept;
  // All of it has come. The window stays the transaction's.
  void finish(const Told& told) noexcept;
  // Nothing more will come of it.
  void abandon() noexcept;
  // To be called behind each word to the sink: gives up a window at its limit.
  void told() noexcept;

 private:
  void put(Bytes bytes, const Told& told) noexcept;
  void decode(unsigned layer, Bytes bytes, const Told& told) noexcept;
  void finish_decoders(const Told& told) noexcept;
  std::span<uint8_t> room(const Told& told) noexcept;
  bool grow() noexcept;
  void slide(const Told& told) noexcept;
  void wrote(size_t bytes) noexcept;
  void stop() noexcept;
  void close_decoders() noexcept;
  template <typename Each>
  void for_views(Each each) noexcept;
  HttpTransaction::Body& counts() noexcept;

  HttpLane* lane_ = nullptr;
  HttpTransaction* transaction_ = nullptr;
  Decoder* decoders_[2] = {nullptr, nullptr};
  uint8_t* window_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t max_window_ = 0;
  uint32_t size_ = 0;
  uint32_t limit_ = 0;
  uint64_t total_ = 0;     // bytes that have been in the window
  uint64_t inflated_ = 0;  // bytes that any layer gave
  Direction from_ = Direction::Original;
  uint8_t codings_ = 0;
  bool open_ = false;     // takes bytes
  bool full_ = false;     // at its limit
  bool as_file_ = false;  // the request's is shown as FileData too
};

}  // namespace sluice::http

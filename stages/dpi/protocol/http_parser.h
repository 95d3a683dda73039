// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// HTTP/1 from a flow's two streams: RFC 9112 as browsers and servers are
// tolerant of its breach, with buffers as Suricata's documentation has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/protocol/http_transaction.h"
#include "stages/dpi/protocol/recognition.h"
#include "stages/dpi/protocol/transaction.h"

namespace sluice {

// One flow. Variable memory comes from the lane's arena and is returned when a
// transaction is finished or the parser goes. dpi's worker only.
//
// Direction::Original is taken for the client's. Where a flow begins with a
// status line from the originator (seen midstream), the caller has the two
// directions swapped before it asks.
class HttpParser {
 public:
  explicit HttpParser(HttpLane& lane) noexcept : lane_(&lane) {}
  ~HttpParser();  // forgets what is pending without a word to any sink
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  // Whether a direction's stream may begin so: a request line or a status line.
  // NeedMore for what is too short to tell (at most 20 bytes).
  static Recognition looks_like(Direction from, std::span<const uint8_t> beginning) noexcept;

  // `readable` is all of that direction's stream that has not been consumed, at
  // most 64 KiB, the same bytes as before with more behind them. It may wait
  // for the end of a line or header block; a window of header_limit bytes never
  // stays unconsumed as a whole. `end`: nothing will follow (FIN, RST, timeout,
  // depth reached); what there is of a header block is then read as it stands.
  Consumed consume(Direction from, std::span<const uint8_t> readable, bool end,
                   TransactionSink& sink) noexcept;

  // Bytes behind all that was shown are lost; what was not consumed before it
  // will not be shown again. A body is skipped over if its length allows it
  // (its transaction is truncated), else this direction is finished.
  // Returns whether it goes on.
  bool gap(Direction from, uint64_t bytes, TransactionSink& sink) noexcept;

  // Both directions are over: what is pending is finished as it is.
  void end(TransactionSink& sink) noexcept;

 private:
  HttpLane* lane_;
};

}  // namespace sluice

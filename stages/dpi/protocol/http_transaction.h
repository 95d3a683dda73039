// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What HTTP/1 parsing gives and what bounds it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/dpi/arena.h"
#include "stages/dpi/protocol/transaction.h"

namespace sluice {

// A request and its response. Buffers of the request stand at
// Direction::Original, those of the response at Direction::Reply.
//
// All views but the bodies (HttpRequestBody, FileData) are complete when they
// appear and stay until the transaction is finished. A body is a window that
// slides: what its view has given up was shown to the sink before. Once a body
// has reached its limit it is complete, and behind the sink's next call the
// view is empty with `offset` at the limit.
//
// FileData of the request is the body of a POST or PUT.
struct HttpTransaction : Transaction {
  // As much as one body has been through, bytes.
  struct Body {
    uint64_t on_wire = 0;  // without chunk headers, still encoded
    uint64_t decoded = 0;  // after the content codings that were undone
  };
  Body request_body, response_body;
  uint16_t status = 0;            // 0: no response, or its number was none
  uint8_t request_version = 0;    // 9, 10, 11; 0: unknown
  uint8_t response_version = 0;   // the same
  bool has_request = false;       // its first line has been read
  bool has_response = false;      // the same; interim responses (1xx) don't count
  bool response_decoded = false;  // a content coding was undone

  // Methods by which a message's extent or body is read otherwise.
  enum class Method : uint8_t { Other, Head, Connect, Post, Put };
  Method method = Method::Other;

  // The parser's own.
  HttpTransaction* next = nullptr;        // younger
  void* blocks = nullptr;                 // arena memory that the views point to
  void* windows[2] = {nullptr, nullptr};  // that of the bodies, by Direction
};

struct HttpSettings {
  // A stream holds as much unread, and the largest segment behind it.
  static constexpr uint32_t kMaxHeaderLimit = 48 * 1024;
  uint32_t header_limit = kMaxHeaderLimit;   // first line, and header block, each; 512 and more
  uint32_t request_body_limit = 100 * 1024;  // bytes of a body that become its view; 0: none
  uint32_t response_body_limit = 100 * 1024;
  uint32_t body_window = 32 * 1024;      // bytes of a body that are kept; 1 KiB to 1 MiB
  uint32_t max_outstanding = 16;         // requests without their response, a flow
  uint32_t inflate_limit = 1024 * 1024;  // decoded bytes of a body from which on
  // ... more than this for one on the wire is a bomb. Deflate gives 1,032 at most.
  uint32_t inflate_ratio = 1000;
  // Bytes that all codings of a body together may give, in body limits.
  uint32_t inflate_bodies = 8;
  // Buffers (buffer_bit) that rules or the event log ask for: others may stay
  // away.
  uint64_t wanted = ~uint64_t{0};
};

struct HttpCounters {
  uint64_t transactions = 0;
  uint64_t given_up = 0;          // flows: no memory for a transaction, or no request any more
  uint64_t no_memory = 0;         // allocations refused; their transaction is truncated
  uint64_t outstanding_full = 0;  // transactions finished early for want of a response
  uint64_t header_too_long = 0;
  uint64_t body_gaps = 0;
  uint64_t decode_errors = 0;  // bodies whose content coding was none
  uint64_t bombs = 0;
};

// What the parsers of a lane share. Outlives them; the settings may change
// while they work.
struct HttpLane {
  Arena& arena;
  HttpSettings settings;
  HttpCounters counters;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// HTTP/1 from a flow's two streams: RFC 9112 as browsers and servers are
// tolerant of its breach, with buffers as Suricata's documentation has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/protocol/http_body.h"
#include "stages/dpi/protocol/http_chunks.h"
#include "stages/dpi/protocol/http_headers.h"
#include "stages/dpi/protocol/http_lines.h"
#include "stages/dpi/protocol/http_transaction.h"
#include "stages/dpi/protocol/recognition.h"
#include "stages/dpi/protocol/transaction.h"

namespace sluice {

// One flow. Variable memory comes from the lane's arena and is returned when a
// transaction is finished or the parser goes. dpi's worker only.
//
// Direction::Original is taken for the client's. Where a flow's originator
// begins with a status line (a server that was seen first), the caller swaps
// the two directions before it asks.
class HttpParser {
 public:
  explicit HttpParser(HttpLane& lane) noexcept : lane_(&lane) {}
  ~HttpParser();  // forgets what is pending without a word to any sink
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  // Whether a direction's stream may begin so: with a request line or a status
  // line. NeedMore where the bytes are too few to tell; 16 KiB always tell.
  static Recognition looks_like(Direction from, std::span<const uint8_t> beginning) noexcept;

  // `readable` is all of that direction's stream that has not been consumed, at
  // most 64 KiB: what was shown and left before, with more behind it. It may
  // wait for the end of a line or header block, but never leaves header_limit
  // bytes. `end`: nothing will follow (FIN, RST, timeout, depth reached); what
  // there is of a header block is then read as it stands, and all is consumed.
  // Once a direction is finished it says so whenever it is asked; the other one
  // may have finished it (CONNECT, Upgrade).
  Consumed consume(Direction from, std::span<const uint8_t> readable, bool end,
                   TransactionSink& sink) noexcept;

  // `bytes` bytes behind all that has been shown are lost, and what was left of
  // it won't be shown again. A body goes on if its length says where it ends
  // (its transaction is truncated), else the direction is finished. Returns
  // whether it goes on.
  bool gap(Direction from, uint64_t bytes, TransactionSink& sink) noexcept;

  // Behind CONNECT or an upgrade: what follows is another protocol's, from its beginning.
  bool tunnelled() const noexcept { return tunnelled_; }

  // Both directions are over: what is pending is finished as it is.
  void end(TransactionSink& sink) noexcept;

 private:
  enum class State : uint8_t {
    FirstLine,
    SkipLine,     // of the first line, what is beyond header_limit
    Versionless,  // behind a request line that names no protocol: are there headers?
    Headers,
    SkipField,  // of a header line, what is beyond header_limit
    Tunnel,     // behind CONNECT: until the response is known
    MaybeBody,  // behind a response that should have no body but announces one
    Body,       // of known length
    BodyToEnd,  // until the connection ends
    Chunked,
    Trailer,
    Finished,  // not HTTP any more
  };
  struct Side {
    State state = State::FirstLine;
    bool again = false;     // a part of this header block has been read already
    bool interim = false;   // of a response: another one follows
    bool tunnel = false;    // behind it no HTTP follows
    bool odd_body = false;  // should have no body even if it announces one
    http::LineSearch search;
    http::Framing framing;
    uint64_t body_left = 0;
    HttpTransaction* transaction = nullptr;  // being read; null: none, or given up
    http::Chunks chunks;
    http::Body body;
  };
  // What one step made of the bytes shown.
  struct Step {
    size_t consumed = 0;
    bool goes_on = true;  // false: more bytes are needed
  };
  struct Call {
    Direction from;
    bool end;
    http::Body::Told told;
  };

  Side& side(Direction d) noexcept { return sides_[static_cast<size_t>(d)]; }
  Step step(http::Bytes shown, const Call& call) noexcept;
  Step read_first_line(http::Bytes shown, const Call& call) noexcept;
  Step read_versionless(http::Bytes shown, const Call& call) noexcept;
  Step read_headers(http::Bytes shown, const Call& call) noexcept;
  Step read_body(http::Bytes shown, const Call& call) noexcept;
  Step read_chunks(http::Bytes shown, const Call& call) noexcept;
  Step read_trailer(http::Bytes shown, const Call& call) noexcept;
  Step read_maybe_body(http::Bytes shown, const Call& call) noexcept;
  Step skip_line(http::Bytes shown, const Call& call) noexcept;
  Step begin_bare_body(const Call& call) noexcept;
  size_t header_limit() const noexcept;
  void begin_request(http::Bytes line, const Call& call) noexcept;
  void begin_response(http::Bytes line, const Call& call) noexcept;
  void begin_body(const Call& call) noexcept;
  void headers_done(const Call& call) noexcept;
  void message_done(const Call& call) noexcept;
  void tell(Side& side, const Call& call) noexcept;
  void finish_side(Side& side) noexcept;

  HttpTransaction* add_transaction(TransactionSink& sink) noexcept;
  void attach_response(const Call& call) noexcept;
  void give_up() noexcept;
  void finish(HttpTransaction* transaction, TransactionSink& sink) noexcept;
  static void release(HttpTransaction* transaction) noexcept;

  HttpLane* lane_;
  Side sides_[2];
  HttpTransaction* oldest_ = nullptr;
  HttpTransaction* youngest_ = nullptr;
  uint32_t outstanding_ = 0;
  uint32_t next_number_ = 0;
  bool tunnelled_ = false;
  uint32_t responses_without_ = 0;  // that belong to transactions that were given up
};

}  // namespace sluice

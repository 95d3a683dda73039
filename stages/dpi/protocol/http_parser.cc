// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_parser.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "stages/dpi/protocol/http_views.h"

namespace sluice {

using namespace http;

namespace {

// A line in front of a response that looks like none is passed over where a
// status line follows it, as browsers do; longer ones are body.
constexpr size_t kMaxStrayLine = 256;

// Browsers give up beyond; servers take what a file may have.
constexpr uint64_t kLargestResponseChunk = INT32_MAX;
constexpr uint64_t kLargestRequestChunk = INT64_MAX >> 8;

LineEnds line_ends(Direction from) {
  return from == Direction::Reply ? LineEnds::Any : LineEnds::Lf;
}

HttpTransaction::Method method_of(Bytes name) {
  using enum HttpTransaction::Method;
  if (equals(name, "head")) return Head;
  if (equals(name, "connect")) return Connect;
  if (equals(name, "post")) return Post;
  return equals(name, "put") ? Put : Other;
}

}  // namespace

Consumed HttpParser::consume(Direction from, std::span<const uint8_t> readable, bool end,
                             TransactionSink& sink) noexcept {
  Side& s = side(from);
  const Call call{from, end, {sink, from}};
  size_t at = 0;
  while (s.state != State::Finished) {
    const Step done = step(readable.subspan(at), call);
    at += done.consumed;
    if (!done.goes_on) break;
  }
  tell(s, call);
  if (end && s.state != State::Finished) {
    if (s.state != State::FirstLine && s.state != State::Tunnel) {
      const bool whole = s.state == State::BodyToEnd || s.state == State::MaybeBody ||
                         s.state == State::Trailer || s.state == State::Versionless;
      if (!whole && s.transaction != nullptr) s.transaction->truncated = true;
      message_done(call);
    }
    finish_side(s);
  }
  if (s.state == State::Finished) return {tunnelled_ ? at : readable.size(), true};
  return {at, false};
}

bool HttpParser::gap(Direction from, uint64_t bytes, TransactionSink& sink) noexcept {
  Side& s = side(from);
  const Call call{from, false, {sink, from}};
  bool goes_on = false;
  if (s.transaction != nullptr) s.transaction->truncated = true;
  switch (s.state) {
    case State::Body:
      goes_on = bytes <= s.body_left;
      if (goes_on) s.body_left -= bytes;
      break;
    case State::BodyToEnd:
      goes_on = true;
      break;
    case State::Chunked:
      goes_on = s.chunks.skip(bytes);
      break;
    default:
      break;
  }
  // A window with a hole in it would join what was never beside one another.
  ++lane_->counters.body_gaps;
  s.body.abandon();
  tell(s, call);
  if (s.state == State::Body && goes_on && s.body_left == 0) message_done(call);
  if (goes_on) return true;
  if (s.state != State::FirstLine && s.state != State::Finished) message_done(call);
  finish_side(s);
  return false;
}

HttpParser::Step HttpParser::step(Bytes shown, const Call& call) noexcept {
  Side& s = side(call.from);
  switch (s.state) {
    case State::FirstLine:
      return read_first_line(shown, call);
    case State::Versionless:
      return read_versionless(shown, call);
    case State::Headers:
      return read_headers(shown, call);
    case State::MaybeBody:
      return read_maybe_body(shown, call);
    case State::Body:
    case State::BodyToEnd:
      return read_body(shown, call);
    case State::Chunked:
      return read_chunks(shown, call);
    case State::Trailer:
      return read_trailer(shown, call);
    case State::SkipLine:
    case State::SkipField:
      return skip_line(shown, call);
    case State::Tunnel:
      if (shown.size() >= header_limit()) finish_side(s);
      return {0, false};
    case State::Finished:
      break;
  }
  return {0, false};
}

HttpParser::Step HttpParser::read_first_line(Bytes shown, const Call& call) noexcept {
  Side& s = side(call.from);
  if (shown.empty()) return {0, false};
  const bool response = call.from == Direction::Reply;
  const bool found = s.search.line(shown, line_ends(call.from), call.end);
  const size_t size = found ? s.search.content_size() : shown.size();
  const size_t next = found ? s.search.next() : shown.size();
  const Bytes line = shown.first(size);
  const bool too_long = !found && size >= header_limit();
  if (!found && !too_long && !(response && size > kMaxStrayLine)) return {0, false};
  if (response && !resembles_status_line(line.first(std::min(size, kMaxStrayLine)))) {
    const bool blank = found && size <= kMaxStrayLine && all_space(line);
    if (!blank && size > kMaxStrayLine) return begin_bare_body(call);
    if (!found) return {0, false};
    // The line behind decides.
    if (!blank && next == shown.size() && !call.end) return {0, false};
    if (!blank && (next == shown.size() || lower(shown[next]) != 'h')) return begin_bare_body(call);
    s.search.restart();
    return {next, true};
  }
  if (!found && !too_long) return {0, false};
  s.search.restart();
  if (all_space(line)) return {next, true};
  if (!response && !is_token(trim(line).front())) {
    ++lane_->counters.given_up;
    finish_side(s);
    return {0, false};
  }
  s.state = State::Headers;
  s.framing = {};
  s.again = false;
  if (response) {
    begin_response(line, call);
  } else {
    begin_request(line, call);
  }
  if (too_long && s.state != State::Finished) {
    ++lane_->counters.header_too_long;
    if (s.transaction != nullptr) s.transaction->truncated = true;
    s.state = State::SkipLine;
  }
  return {next, true};
}

// A response without a first line: all of it is body.
HttpParser::Step HttpParser::begin_bare_body(const Call& call) noexcept {
  Side& s = side(call.from);
  s.search.restart();
  attach_response(call);
  if (s.state == State::Finished) return {0, false};
  s.state = State::BodyToEnd;
  s.body.begin(s.transaction, call.from, 0, *lane_);
  return {};
}

size_t HttpParser::header_limit() const noexcept {
  return std::clamp<size_t>(lane_->settings.header_limit, 512, HttpSettings::kMaxHeaderLimit);
}

void HttpParser::begin_request(Bytes line, const Call& call) noexcept {
  Side& s = side(call.from);
  // Who asks again has had his answer: a body that was announced and may not be
  // there is not.
  Side& reply = side(Direction::Reply);
  if (reply.state == State::MaybeBody) {
    message_done({Direction::Reply, false, {call.told.sink, Direction::Reply}});
  }
  HttpTransaction* waiting = reply.transaction;
  s.transaction =
      waiting != nullptr && !waiting->has_request ? waiting : add_transaction(call.told.sink);
  if (s.transaction == nullptr) return give_up();
  const RequestLine read = read_request_line(line);
  if (read.protocol.empty()) s.state = State::Versionless;
  s.transaction->has_request = true;
  s.transaction->request_version = read.protocol.empty() ? 9 : version_of(read.protocol);
  s.transaction->method = method_of(read.method);
  show_request_line(*s.transaction, *lane_, line, read);
}

void HttpParser::begin_response(Bytes line, const Call& call) noexcept {
  Side& s = side(call.from);
  const StatusLine read = read_status_line(line);
  const int64_t code = number(read.code);
  // Interim responses come before the one that counts (RFC 9110 section 15.2).
  s.interim = code >= 100 && code <= 199 && code != 101;
  if (s.interim) return;
  attach_response(call);
  s.tunnel = code == 101;
  s.odd_body = code == 204 || code == 304;
  if (s.transaction == nullptr) return;
  s.tunnel |=
      s.transaction->method == HttpTransaction::Method::Connect && code >= 200 && code <= 299;
  s.transaction->status = code >= 100 && code <= 999 ? static_cast<uint16_t>(code) : 0;
  s.transaction->response_version = version_of(read.protocol);
  show_status_line(*s.transaction, *lane_, line);
}

// The line behind tells whether header fields follow.
HttpParser::Step HttpParser::read_versionless(Bytes shown, const Call& call) noexcept {
  Side& s = side(call.from);
  size_t n = 0;
  while (n < shown.size() && n < kMaxStrayLine && is_token(shown[n])) ++n;
  if (n == shown.size() && !call.end) return {0, false};
  const bool empty_line = n == 0 && n < shown.size() && (shown[n] == '\r' || shown[n] == '\n');
  if (empty_line || (n > 0 && n < shown.size() && (shown[n] == ':' || is_blank(shown[n])))) {
    s.state = State::Headers;
    return {};
  }
  message_done(call);
  return {};
}

HttpParser::Step HttpParser::read_headers(Bytes shown, const Call& call) noexcept {
  Side& s = side(call.from);
  size_t size = shown.size();
  const bool whole = s.search.block(shown, line_ends(call.from), call.end);
  bool cut_field = false;
  if (whole) {
    size = s.search.next();
  } else {
    if (size < header_limit()) return {0, false};
    cut_field = s.search.cut_line() == 0;
    if (!cut_field) size = s.search.cut_line();
  }
  const Bytes block = shown.first(size);
  HeaderTable table;
  const bool all = table.read(block, line_ends(call.from), s.framing);
  if (s.transaction != nullptr) {
    if (!s.again) show_headers(*s.transaction, *lane_, call.from, block, table);
    if (!all || !whole) s.transaction->truncated = true;
  }
  s.search.restart();
  if (whole) {
    headers_done(call);
  } else {
    // What follows is still heard for the body's extent.
    if (!s.again) ++lane_->counters.header_too_long;
    s.again = true;
    if (cut_field) s.state = State::SkipField;
  }
  return {size, true};
}

void HttpParser::headers_done(const Call& call) noexcept {
  Side& s = side(call.from);
  if (call.from == Direction::Original) {
    const bool connect =
        s.transaction != nullptr && s.transaction->method == HttpTransaction::Method::Connect;
    if (!connect) return begin_body(call);
    message_done(call);
    s.state = State::Tunnel;
    return;
  }
  if (s.interim) {
    s.state = State::FirstLine;
    return;
  }
  Side& request = side(Direction::Original);
  if (s.tunnel) {
    message_done(call);
    finish_side(s);
    finish_side(request);
    tunnelled_ = true;
    return;
  }
  if (request.state == State::Tunnel && s.transaction != nullptr &&
      s.transaction->method == HttpTransaction::Method::Connect) {
    request.state = State::FirstLine;  // refused
  }
  if (s.transaction != nullptr && s.transaction->method == HttpTransaction::Method::Head) {
    return message_done(call);
  }
  if (!s.odd_body) return begin_body(call);
  if (s.framing.chunked || s.framing.content_length > 0) {
    s.state = State::MaybeBody;
  } else {
    message_done(call);
  }
}

// RFC 9112 section 6.3; where both are there, chunks go before a length.
void HttpParser::begin_body(const Call& call) noexcept {
  Side& s = side(call.from);
  const bool response = call.from == Direction::Reply;
  if (!s.framing.chunked &&
      (s.framing.content_length == 0 || (!response && s.framing.content_length < 0))) {
    return message_done(call);
  }
  s.body.begin(s.transaction, call.from, response ? s.framing.codings : 0, *lane_);
  s.chunks.restart(response ? kLargestResponseChunk : kLargestRequestChunk);
  if (s.framing.chunked) {
    s.state = State::Chunked;
  } else if (s.framing.content_length > 0) {
    s.state = State::Body;
    s.body_left = static_cast<uint64_t>(s.framing.content_length);
  } else {
    s.state = State::BodyToEnd;
  }
}

// No body should be here, but browsers take what is: unless it is the next
// response.
HttpParser::Step HttpParser::read_maybe_body(Bytes shown, const Call& call) noexcept {
  constexpr std::string_view kNext = "http";
  const Bytes begin = shown.first(std::min(shown.size(), kNext.size()));
  const bool may_be_next = equals(begin, kNext.substr(0, begin.size()));
  if (may_be_next && begin.size() < kNext.size()) return {0, false};
  if (may_be_next) {
    message_done(call);
  } else {
    begin_body(call);
  }
  return {};
}

HttpParser::Step HttpParser::read_body(Bytes shown, const Call& call) noexcept {
  Side& s = side(call.from);
  if (shown.empty()) return {0, false};
  if (s.state == State::BodyToEnd) {
    s.body.append(shown, call.told);
    return {shown.size(), false};
  }
  const size_t n = static_cast<size_t>(std::min<uint64_t>(s.body_left, shown.size()));
  s.body.append(shown.first(n), call.told);
  s.body_left -= n;
  if (s.body_left == 0) message_done(call);
  return {n, true};
}

HttpParser::Step HttpParser::read_chunks(Bytes shown, const Call& call) noexcept {
  Side& s = side(call.from);
  const Chunks::Part part = s.chunks.next(shown);
  switch (part.what) {
    case Chunks::What::More:
      return {0, false};
    case Chunks::What::Nothing:
      break;
    case Chunks::What::Data:
      s.body.append(shown.first(part.taken), call.told);
      break;
    case Chunks::What::Last:
      s.search.restart();
      s.state = State::Trailer;
      break;
    case Chunks::What::Invalid:
      if (call.from == Direction::Original) {
        // No server takes that for a body, or goes on to read one.
        if (s.transaction != nullptr) s.transaction->truncated = true;
        message_done(call);
      } else {
        // Not chunked after all, or not any more: browsers show what is there.
        s.state = State::BodyToEnd;
      }
      break;
  }
  return {part.taken, true};
}

HttpParser::Step HttpParser::read_trailer(Bytes shown, const Call& call) noexcept {
  Side& s = side(call.from);
  const bool next_message = call.from == Direction::Reply && begins_with(shown, "http/");
  if (!next_message) {
    if (!s.search.block(shown, line_ends(call.from), call.end)) {
      if (shown.size() < header_limit()) return {0, false};
      const size_t cut = s.search.cut_line() > 0 ? s.search.cut_line() : shown.size();
      s.search.restart();
      return {cut, true};
    }
  }
  const size_t taken = next_message ? 0 : s.search.next();
  message_done(call);
  return {taken, true};
}

HttpParser::Step HttpParser::skip_line(Bytes shown, const Call& call) noexcept {
  Side& s = side(call.from);
  if (shown.empty()) return {0, false};
  const void* lf = std::memchr(shown.data(), '\n', shown.size());
  if (lf == nullptr) return {shown.size(), false};
  s.state = State::Headers;
  s.search.restart();
  return {static_cast<size_t>(static_cast<const uint8_t*>(lf) - shown.data()) + 1, true};
}

void HttpParser::message_done(const Call& call) noexcept {
  Side& s = side(call.from);
  HttpTransaction* transaction = s.transaction;
  s.body.finish(call.told);
  s.state = State::FirstLine;
  s.search.restart();
  s.transaction = nullptr;
  if (transaction == nullptr) return;
  transaction->complete[static_cast<size_t>(call.from)] = true;
  call.told(*transaction);
  // A response whose request was never seen waits for none.
  const bool request_done = transaction->complete[0] || !transaction->has_request;
  if (request_done && transaction->complete[1]) finish(transaction, call.told.sink);
}

}  // namespace sluice

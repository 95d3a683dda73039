// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_views.h"

#include <cstring>
#include <new>

#include "stages/dpi/protocol/http_uri.h"

namespace sluice::http {

namespace {

struct Kept {
  Kept* next;
};

// Fields that have a buffer of their own.
struct Field {
  std::string_view name;
  Buffer buffer;
  bool of_request, of_response;
};
constexpr Field kFields[] = {
    {"host", Buffer::HttpHostRaw, true, false},
    {"user-agent", Buffer::HttpUserAgent, true, false},
    {"referer", Buffer::HttpReferer, true, false},
    {"accept", Buffer::HttpAccept, true, false},
    {"accept-language", Buffer::HttpAcceptLanguage, true, false},
    {"accept-encoding", Buffer::HttpAcceptEncoding, true, false},
    {"connection", Buffer::HttpConnection, true, true},
    {"content-type", Buffer::HttpContentType, true, true},
    {"content-length", Buffer::HttpContentLength, true, true},
    {"cookie", Buffer::HttpCookie, true, false},
    {"set-cookie", Buffer::HttpCookie, false, true},
    {"server", Buffer::HttpServer, false, true},
    {"location", Buffer::HttpLocation, false, true},
};

// Writes into memory whose size has been worked out before.
class Writer {
 public:
  explicit Writer(uint8_t* at) noexcept : at_(at) {}
  uint8_t* at() const noexcept { return at_; }
  void advance(size_t n) noexcept { at_ += n; }
  Bytes put(Bytes from) noexcept {
    if (!from.empty()) std::memcpy(at_, from.data(), from.size());
    at_ += from.size();
    return {at_ - from.size(), from.size()};
  }
  void put(std::string_view from) noexcept { put(bytes(from)); }

 private:
  uint8_t* at_;
};

void show_host(HttpTransaction& transaction, Bytes host, uint8_t* out) {
  for (size_t i = 0; i < host.size(); ++i) out[i] = lower(host[i]);
  transaction.set(Buffer::HttpHost, Direction::Original, {out, host.size()});
}

void show_field(HttpTransaction& transaction, Direction from, Bytes name, Bytes value) {
  for (const Field& field : kFields) {
    if (!(from == Direction::Original ? field.of_request : field.of_response)) continue;
    if (!same_name(name, field.name)) continue;
    // An absolute target's host is the one that counts (RFC 9112 section 3.2.2).
    if (field.buffer == Buffer::HttpHostRaw &&
        transaction.view(Buffer::HttpHostRaw, from).present()) {
      return;
    }
    transaction.set(field.buffer, from, value);
    return;
  }
}

}  // namespace

uint8_t* keep_bytes(HttpTransaction& transaction, HttpLane& lane, size_t size) noexcept {
  void* block = lane.arena.allocate(sizeof(Kept) + size);
  if (block == nullptr) {
    transaction.truncated = true;
    ++lane.counters.no_memory;
    return nullptr;
  }
  auto* kept = new (block) Kept{static_cast<Kept*>(transaction.blocks)};
  transaction.blocks = kept;
  return reinterpret_cast<uint8_t*>(kept + 1);
}

void release_bytes(HttpTransaction& transaction) noexcept {
  for (auto* kept = static_cast<Kept*>(transaction.blocks); kept != nullptr;) {
    Kept* next = kept->next;
    arena_free(kept);
    kept = next;
  }
  transaction.blocks = nullptr;
}

void show_request_line(HttpTransaction& transaction, HttpLane& lane, Bytes line,
                       const RequestLine& read) noexcept {
  constexpr Direction kFrom = Direction::Original;
  const Target target = split_target(read.target, equals(read.method, "connect"));
  // The line as it came, the target normalised, the host in lower case.
  uint8_t* memory =
      keep_bytes(transaction, lane, line.size() + read.target.size() + target.host.size());
  if (memory == nullptr) return;
  Writer out(memory);
  const Bytes kept = out.put(line);
  const auto moved = [&](Bytes part) {
    return part.empty() ? kept.first(0)
                        : kept.subspan(static_cast<size_t>(part.data() - line.data()), part.size());
  };
  transaction.set(Buffer::HttpRequestLine, kFrom, kept);
  transaction.set(Buffer::HttpMethod, kFrom, moved(read.method));
  transaction.set(Buffer::HttpUriRaw, kFrom, moved(read.target));
  if (!read.protocol.empty()) transaction.set(Buffer::HttpProtocol, kFrom, moved(read.protocol));
  const size_t size = normalise_target(target, out.at());
  transaction.set(Buffer::HttpUri, kFrom, {out.at(), size});
  out.advance(size);
  if (target.has_host) {
    show_host(transaction, target.host, out.at());
    transaction.set(Buffer::HttpHostRaw, kFrom, moved(target.host));
  }
}

void show_status_line(HttpTransaction& transaction, HttpLane& lane, Bytes line) noexcept {
  constexpr Direction kFrom = Direction::Reply;
  uint8_t* memory = keep_bytes(transaction, lane, line.size());
  if (memory == nullptr) return;
  const Bytes kept = Writer(memory).put(line);
  const StatusLine read = read_status_line(kept);
  transaction.set(Buffer::HttpStatusLine, kFrom, kept);
  transaction.set(Buffer::HttpProtocol, kFrom, read.protocol);
  if (!read.code.empty()) transaction.set(Buffer::HttpStatusCode, kFrom, read.code);
  if (!read.message.empty()) transaction.set(Buffer::HttpStatusMessage, kFrom, read.message);
}

void show_headers(HttpTransaction& transaction, HttpLane& lane, Direction from, Bytes block,
                  const HeaderTable& table) noexcept {
  const uint64_t wanted = lane.settings.wanted;
  const bool raw = (wanted & buffer_bit(Buffer::HttpHeaderRaw)) != 0;
  const bool names = (wanted & buffer_bit(Buffer::HttpHeaderNames)) != 0;
  const bool fields = (wanted & buffer_bit(Buffer::HttpHeaderField)) != 0;
  const bool request = from == Direction::Original;
  const std::string_view cookie = request ? "cookie" : "set-cookie";

  size_t count = 0, text_size = 0, names_size = 0, others_size = 0, host_size = 0;
  for (size_t i = 0; i < table.size(); ++i) {
    if (!table[i].first) continue;
    const size_t size = table[i].name_size + table.value_room(i) + 4;
    ++count;
    text_size += size;
    names_size += table[i].name_size + 2;
    if (same_name(table[i].name(), cookie)) others_size = SIZE_MAX;
    if (request && same_name(table[i].name(), "host")) host_size += table.value_room(i);
  }
  others_size = others_size == SIZE_MAX ? text_size : 0;  // the text again, without cookies
  const Bytes first_line =
      transaction.view(request ? Buffer::HttpRequestLine : Buffer::HttpStatusLine, from).bytes();
  const size_t more_size = fields && count > 1 ? (count - 1) * sizeof(Transaction::More) : 0;
  uint8_t* memory =
      keep_bytes(transaction, lane,
                 more_size + (raw ? block.size() : 0) + first_line.size() + 2 + text_size + 2 +
                     others_size + (names ? names_size + 4 : 0) + host_size);
  if (memory == nullptr) return;

  auto* more = reinterpret_cast<Transaction::More*>(memory);
  size_t shown = 0;
  Writer out(memory + more_size);
  if (raw) transaction.set(Buffer::HttpHeaderRaw, from, out.put(block));
  const uint8_t* start = out.at();
  out.put(first_line);
  out.put("\r\n");
  const uint8_t* headers = out.at();
  Bytes host;
  // Where cookies are cut out: from the text's pieces between them.
  Writer others(out.at() + text_size + 2);
  const uint8_t* others_begin = others.at();
  for (size_t i = 0; i < table.size(); ++i) {
    if (!table[i].first) continue;
    const uint8_t* field_begin = out.at();
    const Bytes name = out.put(table[i].name());
    out.put(": ");
    const size_t size = table.write_value(i, out.at());
    const Bytes value(out.at(), size);
    out.advance(size);
    const Bytes field(field_begin, out.at());
    out.put("\r\n");
    show_field(transaction, from, name, value);
    if (request && same_name(name, "host")) host = value;
    if (others_size > 0 && !same_name(name, cookie)) others.put(Bytes(field_begin, out.at()));
    if (!fields) continue;
    if (shown++ == 0) {
      transaction.set(Buffer::HttpHeaderField, from, field);
    } else {
      new (&more[shown - 2]) Transaction::More{
          Buffer::HttpHeaderField, {field.data(), static_cast<uint32_t>(field.size()), 0, 0, true}};
    }
  }
  const Bytes all(headers, out.at());
  if (count > 0) out.put("\r\n");
  transaction.set(Buffer::HttpStart, from, {start, out.at()});
  const Bytes without_cookies = others_size > 0 ? Bytes(others_begin, others.at()) : all;
  if (!without_cookies.empty()) transaction.set(Buffer::HttpHeader, from, without_cookies);
  if (shown > 1) transaction.more[static_cast<size_t>(from)] = {more, shown - 1};

  Writer rest(others.at());
  if (names && count > 0) {
    const uint8_t* names_begin = rest.at();
    rest.put("\r\n");
    for (size_t i = 0; i < table.size(); ++i) {
      if (!table[i].first) continue;
      rest.put(table[i].name());
      rest.put("\r\n");
    }
    rest.put("\r\n");
    transaction.set(Buffer::HttpHeaderNames, from, {names_begin, rest.at()});
  }
  if (!host.empty() && !transaction.view(Buffer::HttpHost, from).present()) {
    show_host(transaction, host_without_port(host), rest.at());
  }
}

}  // namespace sluice::http

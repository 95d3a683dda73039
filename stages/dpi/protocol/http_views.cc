// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_views.h"

#include <array>
#include <bitset>
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

const Field* field_of(Direction from, Bytes name) {
  for (const Field& field : kFields) {
    if (!(from == Direction::Original ? field.of_request : field.of_response)) continue;
    if (name.size() >= field.name.size() && same_name(name, field.name)) return &field;
  }
  return nullptr;
}

// The buffers that somebody asks for.
class Wanted {
 public:
  explicit Wanted(const HttpLane& lane) noexcept : buffers_(lane.settings.wanted) {}
  bool has(Buffer buffer) const noexcept { return (buffers_ & buffer_bit(buffer)) != 0; }
  // HttpHost is made of HttpHostRaw.
  bool has(const Field& field) const noexcept {
    return has(field.buffer) || (field.buffer == Buffer::HttpHostRaw && has(Buffer::HttpHost));
  }
  // Those that hold all fields.
  bool all_fields() const noexcept {
    return has(Buffer::HttpHeader) || has(Buffer::HttpStart) || has(Buffer::HttpHeaderField);
  }

 private:
  uint64_t buffers_;
};

void show_field(HttpTransaction& transaction, Direction from, const Field& field, Bytes value) {
  // An absolute target's host is the one that counts (RFC 9112 section 3.2.2).
  if (field.buffer == Buffer::HttpHostRaw &&
      transaction.view(Buffer::HttpHostRaw, from).present()) {
    return;
  }
  transaction.set(field.buffer, from, value);
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
  const bool normalises = Wanted(lane).has(Buffer::HttpUri);
  // The line as it came, the target normalised, the host in lower case.
  uint8_t* memory = keep_bytes(
      transaction, lane,
      line.size() + (normalises ? read.target.size() : 0) + target.host.size());
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
  if (normalises) {
    const size_t size = normalise_target(target, out.at());
    transaction.set(Buffer::HttpUri, kFrom, {out.at(), size});
    out.advance(size);
  }
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
  const Wanted wanted(lane);
  const bool raw = wanted.has(Buffer::HttpHeaderRaw);
  const bool names = wanted.has(Buffer::HttpHeaderNames);
  const bool fields = wanted.has(Buffer::HttpHeaderField);
  const bool all = wanted.all_fields();
  const bool request = from == Direction::Original;

  // Which fields are written, and what they need.
  std::array<const Field*, HeaderTable::kMaxLines> known;  // where written: its buffer's, or null
  std::bitset<HeaderTable::kMaxLines> written;
  size_t count = 0, text_size = 0, names_size = 0, host_size = 0;
  bool has_cookies = false;
  for (size_t i = 0; i < table.size(); ++i) {
    if (!table[i].first) continue;
    names_size += table[i].name_size + 2;
    const Field* field = field_of(from, table[i].name());
    const bool asked = field != nullptr && wanted.has(*field);
    if (!all && !asked) continue;
    known[i] = field;
    written.set(i);
    ++count;
    text_size += table[i].name_size + table.value_room(i) + 4;
    has_cookies = has_cookies || (field != nullptr && field->buffer == Buffer::HttpCookie);
    if (field != nullptr && field->buffer == Buffer::HttpHostRaw) host_size += table.value_room(i);
  }
  // The text again, without cookies.
  const size_t others_size = all && has_cookies ? text_size : 0;
  const Bytes first_line =
      all ? transaction.view(request ? Buffer::HttpRequestLine : Buffer::HttpStatusLine, from).bytes()
          : Bytes();
  const size_t more_size = fields && count > 1 ? (count - 1) * sizeof(Transaction::More) : 0;
  const size_t size = more_size + (raw ? block.size() : 0) + first_line.size() + 2 + text_size + 2 +
                      others_size + (names ? names_size + 4 : 0) + host_size;
  if (count == 0 && !all && !raw && !names) return;
  uint8_t* memory = keep_bytes(transaction, lane, size);
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
    if (!written[i]) continue;
    const uint8_t* field_begin = out.at();
    out.put(table[i].name());
    out.put(": ");
    const Bytes value(out.at(), table.write_value(i, out.at()));
    out.advance(value.size());
    const Bytes field(field_begin, out.at());
    out.put("\r\n");
    if (known[i] != nullptr) show_field(transaction, from, *known[i], value);
    if (known[i] != nullptr && known[i]->buffer == Buffer::HttpHostRaw) host = value;
    const bool is_cookie = known[i] != nullptr && known[i]->buffer == Buffer::HttpCookie;
    if (others_size > 0 && !is_cookie) others.put(Bytes(field_begin, out.at()));
    if (!fields) continue;
    if (shown++ == 0) {
      transaction.set(Buffer::HttpHeaderField, from, field);
    } else {
      new (&more[shown - 2]) Transaction::More{
          Buffer::HttpHeaderField, {field.data(), static_cast<uint32_t>(field.size()), 0, 0, true}};
    }
  }
  if (all) {
    const Bytes text(headers, out.at());
    if (count > 0) out.put("\r\n");
    transaction.set(Buffer::HttpStart, from, {start, out.at()});
    const Bytes without_cookies = others_size > 0 ? Bytes(others_begin, others.at()) : text;
    if (!without_cookies.empty()) transaction.set(Buffer::HttpHeader, from, without_cookies);
  }
  if (shown > 1) transaction.more[static_cast<size_t>(from)] = {more, shown - 1};

  Writer rest(others.at());
  if (names && names_size > 0) {
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

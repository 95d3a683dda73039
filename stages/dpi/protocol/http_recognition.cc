// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_parser.h"

namespace sluice {

using namespace http;

namespace {

constexpr size_t kEnough = 256;         // bytes of what need not be HTTP
constexpr size_t kLongLine = 16 * 1024;  // of a line that reads like a request's
constexpr size_t kLongMethod = 64;

// Nobody else's: the word and a blank suffice.
constexpr std::string_view kMethods[] = {
    "get",         "post",         "head",     "put",        "delete",     "connect",
    "patch",       "trace",        "propfind", "proppatch",  "mkcol",      "move",
    "lock",        "unlock",       "checkout", "checkin",    "mkactivity", "bits_post",
    "rpc_in_data", "rpc_out_data", "ccm_post", "rpc_connect"};

bool may_be_target(Bytes in) {
  constexpr std::string_view kBegin = "http";
  return !in.empty() && (in.front() == '/' || in.front() == '*' ||
                         equals(in.first(std::min(in.size(), kBegin.size())),
                                kBegin.substr(0, std::min(in.size(), kBegin.size()))));
}

Recognition request(Bytes in) {
  // Servers pass over empty lines in front of a request.
  size_t skipped = 0;
  while (skipped < in.size() && (in[skipped] == '\r' || in[skipped] == '\n')) ++skipped;
  if (skipped > kEnough) return Recognition::No;
  in = in.subspan(skipped);
  size_t n = 0;
  while (n < in.size() && n <= kLongMethod && is_token(in[n])) ++n;
  if (n > kLongMethod || (n > 0 && is_digit(in[0]))) return Recognition::No;
  if (n == in.size()) return Recognition::NeedMore;
  if (n == 0 || !is_blank(in[n])) return Recognition::No;
  const Bytes method = in.first(n);
  for (const std::string_view known : kMethods) {
    if (equals(method, known)) return Recognition::Yes;
  }
  // Of other words RTSP, SIP and their like have some too: the line's end tells.
  Bytes rest = in.subspan(n);
  while (!rest.empty() && is_blank(rest.front())) rest = rest.subspan(1);
  const size_t enough = may_be_target(rest) ? kLongLine : kEnough;
  const std::string_view line = text(in.first(std::min(in.size(), enough)));
  const size_t end = line.find('\n');
  const RequestLine read = read_request_line(without_line_end(bytes(line.substr(0, end))));
  if (begins_with(read.protocol, "http/") && !read.target.empty()) return Recognition::Yes;
  if (end == std::string_view::npos && in.size() < enough) return Recognition::NeedMore;
  // Nobody else has so long a line of that form.
  return end == std::string_view::npos && enough == kLongLine ? Recognition::Yes : Recognition::No;
}

Recognition response(Bytes in) {
  constexpr std::string_view kBegin = "http/";
  const size_t size = in.size();
  while (!in.empty() && is_space(in.front()) && size - in.size() < 16) in = in.subspan(1);
  const size_t n = std::min(in.size(), kBegin.size());
  if (!equals(in.first(n), kBegin.substr(0, n))) return Recognition::No;
  return n == kBegin.size() ? Recognition::Yes : Recognition::NeedMore;
}

}  // namespace

Recognition HttpParser::looks_like(Direction from, std::span<const uint8_t> beginning) noexcept {
  return from == Direction::Original ? request(beginning) : response(beginning);
}

}  // namespace sluice

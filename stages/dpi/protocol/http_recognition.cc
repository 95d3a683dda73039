// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_parser.h"

namespace sluice {

using namespace http;

namespace {

constexpr size_t kEnough = 256;

// Nobody else's: the word and a blank suffice.
constexpr std::string_view kMethods[] = {
    "get",         "post",         "head",     "put",        "delete",     "connect",
    "patch",       "trace",        "propfind", "proppatch",  "mkcol",      "move",
    "lock",        "unlock",       "checkout", "checkin",    "mkactivity", "bits_post",
    "rpc_in_data", "rpc_out_data", "ccm_post", "rpc_connect"};

Recognition request(Bytes in) {
  const size_t size = in.size();
  // Servers pass over empty lines in front of a request.
  while (!in.empty() && (in.front() == '\r' || in.front() == '\n') && size - in.size() < 8) {
    in = in.subspan(1);
  }
  size_t n = 0;
  while (n < in.size() && n <= 20 && (is_token(in[n]) && !is_digit(in[n]))) ++n;
  if (n == in.size()) return n <= 20 && size < kEnough ? Recognition::NeedMore : Recognition::No;
  if (n == 0 || n > 20 || !is_blank(in[n])) return Recognition::No;
  const Bytes method = in.first(n);
  for (const std::string_view known : kMethods) {
    if (equals(method, known)) return Recognition::Yes;
  }
  // Of other words RTSP, SIP and their like have some too: the line's end tells.
  const std::string_view line = text(in.first(std::min(in.size(), kEnough)));
  const size_t end = line.find('\n');
  const RequestLine read = read_request_line(without_line_end(bytes(line.substr(0, end))));
  if (begins_with(read.protocol, "http/") && !read.target.empty()) return Recognition::Yes;
  return end == std::string_view::npos && size < kEnough ? Recognition::NeedMore : Recognition::No;
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

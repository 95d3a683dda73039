// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/http_request.h"

#include <algorithm>
#include <cstddef>

namespace sluice {

namespace {

// A list rather than any token: other text protocols have request lines too.
constexpr std::string_view kMethods[] = {
    "GET",     "POST",      "HEAD",        "PUT",          "DELETE",    "OPTIONS",
    "CONNECT", "PATCH",     "TRACE",       "PROPFIND",     "PROPPATCH", "MKCOL",
    "COPY",    "MOVE",      "LOCK",        "UNLOCK",       "REPORT",    "SEARCH",
    "MERGE",   "BITS_POST", "RPC_IN_DATA", "RPC_OUT_DATA", "CCM_POST"};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && (blank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string_view without_port(std::string_view authority) {
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  if (!authority.empty() && authority.front() == '[') {  // IPv6 literal
    const size_t end = authority.find(']');
    return end == std::string_view::npos ? authority : authority.substr(0, end + 1);
  }
  return authority.substr(0, authority.find(':'));
}

std::string_view host_of_target(const HttpRequest& request) {
  if (request.method == "CONNECT") return without_port(request.url);
  const size_t scheme = request.url.find("://");
  if (scheme == std::string_view::npos || scheme > 8) return {};
  const std::string_view rest = request.url.substr(scheme + 3);
  return without_port(rest.substr(0, rest.find_first_of("/?#")));
}

}  // namespace

bool parse_http_request(std::string_view payload, HttpRequest& request) noexcept {
  request = {};
  const size_t method_end = payload.substr(0, 16).find(' ');
  if (method_end == std::string_view::npos) return false;
  request.method = payload.substr(0, method_end);
  if (std::find(std::begin(kMethods), std::end(kMethods), request.method) == std::end(kMethods)) {
    return false;
  }

  std::string_view rest = payload.substr(method_end + 1);
  const size_t line_end = rest.find('\n');
  const std::string_view line = trim(rest.substr(0, line_end));
  if (line_end == std::string_view::npos) {  // a target longer than the segment
    request.url = line.substr(0, line.find(' '));
    if (request.url.empty()) return false;
    request.host = host_of_target(request);
    return true;
  }
  const size_t version = line.rfind(" HTTP/1.");
  if (version == std::string_view::npos) return false;
  request.url = trim(line.substr(0, version));
  if (request.url.empty()) return false;

  rest.remove_prefix(line_end + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    // A header without its end may lack half of its value.
    if (end == std::string_view::npos) break;
    const std::string_view header = trim(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    if (header.empty()) {
      request.complete = true;
      break;
    }
    const size_t colon = header.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = header.substr(0, colon);
    const std::string_view value = trim(header.substr(colon + 1));
    if (request.host.empty() && equals_ignoring_case(name, "host")) {
      request.host = without_port(value);
    } else if (request.agent.empty() && equals_ignoring_case(name, "user-agent")) {
      request.agent = value;
    }
  }
  if (request.host.empty()) request.host = host_of_target(request);
  return true;
}

}  // namespace sluice

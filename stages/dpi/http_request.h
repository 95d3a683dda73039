// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <string_view>

namespace sluice {

// Of the first request in a segment; views into it, bytes as they came.
struct HttpRequest {
  std::string_view method;
  std::string_view url;   // as on the request line; cut where the segment ends
  std::string_view host;  // of the header, else of an absolute or authority-form target; no port
  std::string_view agent;
  bool complete = false;  // the end of the headers was there
};

// False if `payload` does not begin with a request of HTTP/1 (RFC 9112
// section 3). What a segment lacks, later ones don't add.
bool parse_http_request(std::string_view payload, HttpRequest& request) noexcept;

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Any segment is a request of HTTP or none; what is read of it lies inside.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stages/dpi/http_request.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view segment(reinterpret_cast<const char*>(data), size);
  HttpRequest request;
  if (!parse_http_request(segment, request)) return 0;
  if (request.method.empty() || request.url.empty()) std::abort();
  for (std::string_view field : {request.method, request.url, request.host, request.agent}) {
    if (field.empty()) continue;
    if (field.data() < segment.data() ||
        field.data() + field.size() > segment.data() + segment.size()) {
      std::abort();
    }
    if (field.find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}

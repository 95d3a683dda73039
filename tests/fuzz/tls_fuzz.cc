// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Any segment begins with a hello or does not; what is read of it lies inside.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stages/dpi/tls_hello.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  TlsHello hello;
  if (!parse_tls_hello({data, size}, hello)) return 0;
  for (std::string_view field : {hello.server_name, hello.alpn}) {
    if (field.empty()) continue;
    const auto* begin = reinterpret_cast<const uint8_t*>(field.data());
    if (begin < data || begin + field.size() > data + size) std::abort();
  }
  (void)tls_version_name(hello.version);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Any datagram is a DNS message with a first question or none; its name keeps
// to the bounds of RFC 1035.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "stages/dpi/dns_message.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  DnsMessage message;
  if (!parse_dns_message({data, size}, message)) return 0;
  if (message.questions == 0 || message.query_name().size() > 253 ||
      message.query_name().size() + 17 > size) {
    std::abort();
  }
  (void)dns_type_name(message.type);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Two sides that say anything: in pieces it reads as at once, and no memory is left.
#include "protocol_talk.h"
#include "stages/dpi/protocol/ssh_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::fuzz::fuzz_streams<sluice::SshParser>({data, size});
  (void)sluice::SshParser::looks_like(sluice::Direction::Original, {data, size});
  return 0;
}

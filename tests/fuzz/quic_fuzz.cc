// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Datagrams of anything, and Initials sealed around frames of anything: a
// fuzzer finds no seal by itself. The first byte of each of the talk's words
// chooses how it is sent.
#include "protocol_talk.h"
#include "quic_packets.h"
#include "stages/dpi/protocol/quic_parser.h"

using namespace sluice;

namespace {

constexpr uint32_t kVersions[] = {kQuicVersion1, kQuicVersion2, 0xff00001d, 0xff00001c};

std::string datagram_of(const fuzz::Words& words, uint32_t number) {
  const std::string text(words.bytes.begin(), words.bytes.end());
  if (text.empty() || (text[0] & 1) == 0) return text;
  QuicInitialOptions options;
  options.version = kVersions[text[0] >> 1 & 3];
  options.from = words.from;
  options.number = number;
  options.number_bytes = 2;
  options.pad_to = (text[0] & 8) != 0 ? 1162 : 20;
  if ((text[0] & 16) != 0) options.keys_from = options.destination = "another one";
  return quic_initial(options, text.substr(1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  fuzz::Lane lane((data[0] & 0x80) != 0);
  fuzz::Sink sink;
  {
    QuicParser parser(lane.lane);
    uint32_t number = 0;
    bool goes_on = true;
    for (const fuzz::Words& words : fuzz::talk_of({data + 1, size - 1})) {
      const std::string datagram = datagram_of(words, number++);
      const std::vector<uint8_t> exact(datagram.begin(), datagram.end());
      (void)QuicParser::looks_like(words.from, exact);
      const bool now = parser.datagram(words.from, exact, sink);
      fuzz::check(goes_on || !now);
      goes_on = now;
      fuzz::check(lane.arena.in_use() - lane.before <= 512 * 1024);
    }
    parser.end(sink);
    fuzz::check(sink.all_over());
  }
  return 0;
}

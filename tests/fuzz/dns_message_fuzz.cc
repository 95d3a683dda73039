// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Datagrams and streams of anything: names and records keep to their bounds,
// and in pieces a stream reads as at once.
#include "protocol_talk.h"
#include "stages/dpi/protocol/dns_parser.h"

using namespace sluice;

namespace {

class DnsSink final : public fuzz::Sink {
 protected:
  void take(const Transaction& transaction) override {
    Sink::take(transaction);
    const auto& dns = static_cast<const DnsTransaction&>(transaction);
    fuzz::check(dns.name.size() <= 255);
    size_t text = 0;
    for (const auto records : {dns.answers, dns.authorities}) {
      fuzz::check(records.size() <= DnsTransaction::kMaxRecords);
      for (const DnsRecord& record : records) {
        text += record.name.size() + record.data.size();
        // Every byte is there to be read.
        fuzz::check(std::count(record.data.begin(), record.data.end(), 'x') >= 0);
        fuzz::check(record.name.size() <= 255);
      }
    }
    fuzz::check(text <= DnsTransaction::kMaxText + 4096);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::fuzz_streams<DnsParser>({data, size});
  if (size == 0) return 0;
  fuzz::Lane lane((data[0] & 0x80) != 0);
  DnsSink sink;
  DnsParser parser(lane.lane);
  for (const fuzz::Words& words : fuzz::talk_of({data + 1, size - 1})) {
    const Recognition found = DnsParser::looks_like(words.from, words.bytes);
    (void)DnsParser::stream_looks_like(words.from, words.bytes);
    const auto& counters = lane.lane.counters;
    const auto told = [&] { return counters.dns_queries + counters.dns_responses; };
    const auto before = told(), refused = counters.no_memory;
    parser.message(words.from, words.bytes, sink);
    // What is recognised is also told of, though a record's name may lead nowhere.
    if (found == Recognition::Yes && counters.no_memory == refused) {
      fuzz::check(told() > before);
    }
    fuzz::check(parser.outstanding() <= DnsParser::kMaxOutstanding);
  }
  parser.end(sink);
  fuzz::check(sink.all_over());
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/dns_parser.h"

#include <gtest/gtest.h>

#include <memory>

#include "dns_builder.h"
#include "hex.h"
#include "stages/dpi/protocol/dns_name.h"
#include "transcript.h"

namespace sluice {
namespace {

constexpr Direction kClient = Direction::Original;
constexpr Direction kServer = Direction::Reply;

class DnsTranscript : public Transcript {
 public:
  struct Record {
    std::string name, data;
    uint32_t ttl;
    uint16_t type;
    bool operator==(const Record&) const = default;
  };
  struct Message {
    std::string name;
    uint16_t type = 0, id = 0, query_flags = 0, response_flags = 0;
    bool has_query = false, has_response = false;
    std::vector<Record> answers, authorities;
    bool operator==(const Message&) const = default;
  };
  std::map<uint32_t, Message> messages;

  const Message& message(uint32_t number = 0) { return messages[number]; }

 protected:
  void note(const Transaction& transaction) override {
    Transcript::note(transaction);
    const auto& dns = static_cast<const DnsTransaction&>(transaction);
    Message& m = messages[dns.number];
    m = {
        std::string(dns.name), dns.type, dns.id, dns.query_flags, dns.response_flags, dns.has_query,
        dns.has_response,      {},       {}};
    for (const DnsRecord& r : dns.answers) {
      m.answers.push_back({std::string(r.name), std::string(r.data), r.ttl, r.type});
    }
    for (const DnsRecord& r : dns.authorities) {
      m.authorities.push_back({std::string(r.name), std::string(r.data), r.ttl, r.type});
    }
  }
};

struct DnsTest : testing::Test {
  TestLane lane;
  DnsTranscript told;
  std::unique_ptr<DnsParser> parser = std::make_unique<DnsParser>(lane.lane);

  bool say(Direction from, const std::string& message) {
    const std::vector<uint8_t> exact(message.begin(), message.end());
    const size_t calls = told.calls.size();
    parser->message(from, exact, told);
    return told.calls.size() > calls;
  }
  ~DnsTest() override {
    parser.reset();
    EXPECT_EQ(lane.arena.in_use(), 0u);
  }
};

std::string answer_with(uint16_t type, const std::string& data) {
  return dns_message(7, 0x8180, {.questions = 1, .answers = 1},
                     dns_question(dns_name("www.example.com"), type) +
                         dns_record(dns_pointer(kDnsQuestionAt), type, 300, data));
}

TEST_F(DnsTest, MatchesAnAnswerWithItsQuestion) {
  EXPECT_TRUE(say(kClient, dns_query(7, "wWw.Example.com")));
  EXPECT_EQ(told.one(Buffer::DnsQuery), "wWw.Example.com");
  EXPECT_TRUE(told.states[0].sides[0].complete);
  EXPECT_FALSE(told.states[0].sides[1].complete);
  EXPECT_EQ(parser->outstanding(), 1u);
  EXPECT_TRUE(say(kServer, answer_with(1, unhex("c0000201"))));
  EXPECT_TRUE(told.states[0].finished);
  EXPECT_EQ(told.states.size(), 1u);
  const auto& message = told.message();
  EXPECT_EQ(message.id, 7);
  EXPECT_EQ(message.type, 1);
  EXPECT_EQ(message.query_flags, 0x0100);
  EXPECT_EQ(message.response_flags, 0x8180);
  ASSERT_EQ(message.answers.size(), 1u);
  EXPECT_EQ(message.answers[0], (DnsTranscript::Record{"www.example.com", "192.0.2.1", 300, 1}));
  EXPECT_EQ(parser->outstanding(), 0u);
}

TEST_F(DnsTest, WritesOutTheDataOfEachType) {
  const struct {
    uint16_t type;
    std::string data;
    const char* text;
  } cases[] = {
      {1, unhex("0a000001"), "10.0.0.1"},
      {28, unhex("20010db8000000000000000000000001"), "2001:db8::1"},
      {5, dns_labels("alias") + dns_pointer(kDnsQuestionAt + 4), "alias.example.com"},
      {2, dns_name("ns.example.org"), "ns.example.org"},
      {12, dns_name("host.example.org"), "host.example.org"},
      {15, u16(10) + dns_name("mail.example.org"), "mail.example.org"},
      {16, list8("v=spf1 ") + list8("-all"), "v=spf1 -all"},
      {6, dns_name("ns.a") + dns_name("root.a") + unhex("00000001000000020000000300000004ffffffff"),
       "ns.a root.a 1 2 3 4 4294967295"},
      {33, u16(1) + u16(2) + u16(443) + dns_name("srv.a"), "1 2 443 srv.a"},
      {2, dns_name(""), ""},
      {99, "anything", ""},
      // Malformed data is left away, the record stays.
      {1, unhex("0a0000"), ""},
      {28, unhex("0a000001"), ""},
      {5, dns_pointer(0x3fff), ""},
      {15, u16(10), ""},
      {16, std::string("\x09short"), ""},
      {33, u16(1), ""},
      {6, dns_name("a") + dns_name("b") + u16(1), ""},
  };
  for (const auto& c : cases) {
    TestLane own;
    DnsTranscript transcript;
    DnsParser one(own.lane);
    one.message(kServer, bytes_of(answer_with(c.type, c.data)), transcript);
    ASSERT_EQ(transcript.message().answers.size(), 1u) << c.type;
    EXPECT_EQ(transcript.message().answers[0].data, c.text) << c.type;
    EXPECT_EQ(transcript.message().answers[0].name, "www.example.com");
  }
}

TEST_F(DnsTest, ReadsAuthoritiesBehindAnswers) {
  const std::string soa = dns_name("ns") + dns_name("root") + std::string(20, '\0');
  say(kServer,
      dns_message(1, 0x8183, {.questions = 1, .answers = 1, .authorities = 1},
                  dns_question(dns_name("nowhere.example"), 1) +
                      dns_record(dns_pointer(kDnsQuestionAt), 5, 1, dns_name("b.example")) +
                      dns_record(dns_name("example"), 6, 9, soa)));
  EXPECT_EQ(told.message().answers.size(), 1u);
  ASSERT_EQ(told.message().authorities.size(), 1u);
  EXPECT_EQ(told.message().authorities[0],
            (DnsTranscript::Record{"example", "ns root 0 0 0 0 0", 9, 6}));
  EXPECT_EQ(told.message().response_flags & 15, 3);
}

TEST_F(DnsTest, HasATransactionForEachQuestion) {
  say(kClient, dns_message(5, 0x0100, {.questions = 2},
                           dns_question(dns_name("a.example"), 1) +
                               dns_question(dns_name("b.example"), 28)));
  EXPECT_EQ(told.one(Buffer::DnsQuery, kClient, 0), "a.example");
  EXPECT_EQ(told.one(Buffer::DnsQuery, kClient, 1), "b.example");
  EXPECT_EQ(told.message(1).type, 28);
}

TEST_F(DnsTest, TellsAnAnswerThatNobodyAskedFor) {
  say(kClient, dns_query(7, "other.example"));
  say(kServer, answer_with(1, unhex("0a000001")));
  EXPECT_EQ(told.states.size(), 2u);
  EXPECT_FALSE(told.message(1).has_query);
  EXPECT_TRUE(told.message(1).has_response);
  EXPECT_EQ(told.message(1).name, "www.example.com");
  EXPECT_EQ(told.one(Buffer::DnsQuery, kClient, 1), "<none>");
  EXPECT_EQ(told.one(Buffer::DnsQuery, kServer, 1), "<none>");
  EXPECT_EQ(lane.lane.counters.dns_unsolicited, 1u);
  EXPECT_EQ(parser->outstanding(), 1u);
}

TEST_F(DnsTest, MatchesById) {
  say(kClient, dns_query(1, "a.example"));
  say(kClient, dns_query(2, "a.example"));
  // Without a question to compare, too.
  say(kServer, dns_message(2, 0x8181, {}, ""));
  EXPECT_TRUE(told.states[1].finished);
  EXPECT_FALSE(told.states[0].finished);
}

TEST_F(DnsTest, FinishesTheOldestOfTooMany) {
  for (uint16_t id = 0; id < DnsParser::kMaxOutstanding + 3; ++id) say(kClient, dns_query(id, "a"));
  EXPECT_EQ(parser->outstanding(), DnsParser::kMaxOutstanding);
  EXPECT_TRUE(told.states[2].finished);
  for (const Transcript::Side& side : told.states[2].sides) EXPECT_TRUE(side.complete);
  EXPECT_FALSE(told.states[3].finished);
  EXPECT_EQ(lane.lane.counters.dns_outstanding_full, 3u);
  parser->end(told);
  for (const auto& [number, state] : told.states) EXPECT_TRUE(state.finished);
}

TEST_F(DnsTest, BoundsRecords) {
  std::string body = dns_question(dns_name("x"), 1);
  for (int i = 0; i < 500; ++i) body += dns_record(dns_pointer(kDnsQuestionAt), 1, 1, "abcd");
  body += dns_record(dns_name("a"), 2, 1, dns_name("b"));
  say(kServer, dns_message(1, 0x8180, {.questions = 1, .answers = 500, .authorities = 1}, body));
  EXPECT_EQ(told.message().answers.size(), DnsTransaction::kMaxRecords);
  EXPECT_EQ(told.message().authorities.size(), 1u);
  EXPECT_TRUE(told.states[0].truncated);
}

TEST_F(DnsTest, BoundsText) {
  std::string body = dns_question(dns_name("x"), 16);
  std::string text;
  for (int i = 0; i < 7; ++i) text += list8(std::string(250, 't'));
  for (int i = 0; i < 30; ++i) body += dns_record(dns_pointer(kDnsQuestionAt), 16, 1, text);
  say(kServer, dns_message(1, 0x8180, {.questions = 1, .answers = 30}, body));
  EXPECT_TRUE(told.states[0].truncated);
  EXPECT_LE(told.message().answers.size(), 8u);
  EXPECT_GE(told.message().answers.size(), 4u);
}

TEST_F(DnsTest, SurvivesLoopsOfPointers) {
  const std::string loops[] = {
      dns_pointer(kDnsQuestionAt),  // to itself
      dns_pointer(kDnsQuestionAt + 2) + dns_pointer(kDnsQuestionAt),
      dns_labels("a") + dns_pointer(kDnsQuestionAt),  // back into itself
  };
  for (const std::string& name : loops) {
    TestLane own;
    DnsTranscript transcript;
    DnsParser one(own.lane);
    one.message(kClient, bytes_of(dns_message(1, 0, {.questions = 1}, dns_question(name, 1))),
                transcript);
    EXPECT_EQ(own.lane.counters.dns_malformed, 1u);
    EXPECT_TRUE(transcript.calls.empty());
  }
}

TEST(DnsName, FollowsPointersBackwardsOnly) {
  const std::string message = dns_name("example.com") + dns_labels("www") + dns_pointer(0) + "rest";
  DnsName name;
  size_t at = dns_name("example.com").size();
  ASSERT_TRUE(read_dns_name(bytes_of(message), at, name));
  EXPECT_EQ(name.text(), "www.example.com");
  EXPECT_EQ(at, message.size() - 4);
  size_t forward = 0;
  EXPECT_FALSE(read_dns_name(bytes_of(dns_pointer(2) + dns_name("x")), forward, name));
}

TEST(DnsName, CutsANameThatIsTooLong) {
  std::string labels;
  for (int i = 0; i < 6; ++i) labels += list8(std::string(63, static_cast<char>('a' + i)));
  labels += '\0';
  DnsName name;
  size_t at = 0;
  ASSERT_TRUE(read_dns_name(bytes_of(labels), at, name));
  EXPECT_TRUE(name.cut);
  EXPECT_EQ(name.text().size(), DnsName::kMax);
  EXPECT_EQ(at, labels.size());
}

// Junk from one side costs nobody the questions behind it.
TEST_F(DnsTest, CountsWhatIsNoDnsAndReadsOn) {
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(say(kClient, "junk"));
  EXPECT_EQ(lane.lane.counters.dns_malformed, 10u);
  EXPECT_TRUE(say(kClient, dns_query(1, "a")));
}

TEST_F(DnsTest, SurvivesEveryCutAndChange) {
  const std::string answer = dns_message(
      7, 0x8180, {.questions = 1, .answers = 2, .authorities = 1},
      dns_question(dns_name("www.example.com"), 1) +
          dns_record(dns_pointer(kDnsQuestionAt), 5, 1,
                     dns_labels("a") + dns_pointer(kDnsQuestionAt + 4)) +
          dns_record(dns_pointer(kDnsQuestionAt), 1, 1, "abcd") +
          dns_record(dns_name("example.com"), 6, 1,
                     dns_name("n") + dns_pointer(kDnsQuestionAt) + std::string(20, 'x')));
  size_t last = 0;
  for (size_t size = 0; size <= answer.size(); ++size) {
    DnsTranscript transcript;
    DnsParser one(lane.lane);
    const std::vector<uint8_t> cut(answer.begin(), answer.begin() + static_cast<ptrdiff_t>(size));
    one.message(kServer, cut, transcript);
    const auto& records = transcript.message();
    const size_t now = records.answers.size() + records.authorities.size();
    EXPECT_GE(now, last) << "a longer prefix has no fewer records";
    last = now;
  }
  EXPECT_EQ(last, 3u);
  for (size_t i = 0; i < answer.size(); ++i) {
    for (int value = 0; value < 256; value += 3) {
      std::string changed = answer;
      changed[i] = static_cast<char>(value);
      DnsTranscript transcript;
      DnsParser one(lane.lane);
      const std::vector<uint8_t> exact(changed.begin(), changed.end());
      one.message(kServer, exact, transcript);
      one.message(kClient, exact, transcript);
      DnsParser::looks_like(kServer, exact);
    }
  }
}

std::string framed(const std::string& message) {
  return list16(message);
}

DnsTranscript read_stream(TestLane& lane, const std::string& queries, const std::string& answers,
                          size_t step, bool end = false) {
  DnsTranscript told;
  DnsParser parser(lane.lane);
  for (const auto& [from, bytes] : {std::pair{kClient, queries}, std::pair{kServer, answers}}) {
    std::string pending;
    for (size_t at = 0; at < bytes.size(); at += step) {
      pending += bytes.substr(at, step);
      const bool last = end && at + step >= bytes.size();
      const std::vector<uint8_t> exact(pending.begin(), pending.end());
      const Consumed consumed = parser.consume(from, exact, last, told);
      EXPECT_LE(consumed.bytes, pending.size());
      pending.erase(0, consumed.bytes);
    }
  }
  parser.end(told);
  return told;
}

TEST_F(DnsTest, ReadsAStreamTheSameInAnyPieces) {
  const std::string queries = framed(dns_query(7, "www.example.com")) + framed(dns_query(8, "b"));
  const std::string answers = framed(answer_with(1, "abcd")) + framed(answer_with(1, "efgh"));
  const DnsTranscript whole = read_stream(lane, queries, answers, SIZE_MAX);
  EXPECT_EQ(whole.states.size(), 3u);
  EXPECT_EQ(whole.one(Buffer::DnsQuery, kClient, 1), "b");
  for (const size_t step : {1, 2, 3, 13, 50}) {
    const DnsTranscript parts = read_stream(lane, queries, answers, step);
    EXPECT_EQ(parts.states, whole.states);
    EXPECT_EQ(parts.messages, whole.messages);
    EXPECT_EQ(parts.calls, whole.calls);
  }
}

TEST_F(DnsTest, ReadsTheBeginningOfALongMessage) {
  // 60,000 bytes of records, and another message behind them.
  std::string body = dns_question(dns_name("x"), 16);
  uint16_t records = 0;
  while (body.size() < 60000) {
    body += dns_record(dns_pointer(kDnsQuestionAt), 16, 1, list8(std::string(200, 't')));
    ++records;
  }
  const std::string answers =
      framed(dns_message(1, 0x8180, {.questions = 1, .answers = records}, body)) +
      framed(answer_with(1, "abcd"));
  const DnsTranscript whole = read_stream(lane, "", answers, SIZE_MAX);
  EXPECT_EQ(whole.states.size(), 2u);
  EXPECT_TRUE(whole.states.at(0).truncated);
  EXPECT_EQ(whole.messages.at(1).name, "www.example.com");
  EXPECT_EQ(read_stream(lane, "", answers, 1000).messages, whole.messages);
}

TEST_F(DnsTest, ReadsAMessageThatBreaksOff) {
  const std::string answer = framed(answer_with(1, "abcd"));
  const DnsTranscript cut = read_stream(lane, "", answer.substr(0, answer.size() - 1), 9, true);
  EXPECT_EQ(cut.messages.at(0).name, "www.example.com");
  EXPECT_TRUE(cut.states.at(0).truncated);
}

TEST_F(DnsTest, GoesOnWithoutMemory) {
  std::vector<void*> blocks;
  while (void* block = lane.arena.allocate(40)) blocks.push_back(block);
  EXPECT_FALSE(say(kClient, dns_query(1, "a")));
  EXPECT_EQ(lane.lane.counters.no_memory, 1u);
  for (void* block : blocks) arena_free(block);
  EXPECT_TRUE(say(kClient, dns_query(1, "a")));
  EXPECT_EQ(told.calls.size(), 1u);
}

TEST(DnsParser, RecognisesMessages) {
  const auto is = [](Direction from, const std::string& bytes) {
    return DnsParser::looks_like(from, bytes_of(bytes));
  };
  EXPECT_EQ(is(kClient, dns_query(1, "www.example.com")), Recognition::Yes);
  EXPECT_EQ(is(kServer, answer_with(1, "abcd")), Recognition::Yes);
  EXPECT_EQ(is(kServer, dns_query(1, "www.example.com")), Recognition::No);
  EXPECT_EQ(is(kClient, std::string(12, '\0')), Recognition::No);
  EXPECT_EQ(is(kClient, std::string(64, '\0')), Recognition::No);
  EXPECT_EQ(is(kClient, dns_query(1, "www.example.com") + "x"), Recognition::No);
  EXPECT_EQ(is(kClient, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Recognition::No);
  // mDNS: an answer that nobody asked for, with the flag of a cache flush.
  std::string record = dns_record(dns_name("host.local"), 1, 120, "abcd");
  EXPECT_EQ(is(kClient, dns_message(0, 0x8400, {.answers = 1}, record)), Recognition::Yes);
  // NetBIOS.
  EXPECT_EQ(is(kClient, dns_query(1, "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 33)), Recognition::No);
  // With EDNS.
  EXPECT_EQ(is(kClient,
               dns_message(1, 0x0100, {.questions = 1, .additional = 1},
                           dns_question(dns_name("a"), 1) + dns_record(dns_name(""), 41, 0, ""))),
            Recognition::Yes);
}

TEST(DnsParser, RecognisesStreams) {
  const auto is = [](Direction from, const std::string& bytes) {
    return DnsParser::stream_looks_like(from, bytes_of(bytes));
  };
  const std::string stream = framed(dns_query(1, "www.example.com"));
  EXPECT_EQ(is(kClient, stream), Recognition::Yes);
  EXPECT_EQ(is(kServer, stream), Recognition::No);
  EXPECT_EQ(is(kServer, framed(answer_with(1, "abcd"))), Recognition::Yes);
  bool known = false;
  for (size_t size = 0; size <= stream.size(); ++size) {
    const Recognition now = is(kClient, stream.substr(0, size));
    EXPECT_NE(now, Recognition::No) << size;
    EXPECT_FALSE(known && now == Recognition::NeedMore);
    known = now == Recognition::Yes;
  }
  for (const char* other : {"GET / HTTP/1.1\r\nHost: www.example.com\r\n",
                            "SSH-2.0-OpenSSH_9.2p1\r\n", "EHLO mail.example.com\r\n"}) {
    EXPECT_EQ(is(kClient, other), Recognition::No) << other;
  }
}

TEST(DnsNames, AreIanas) {
  EXPECT_EQ(dns_rrtype_name(1), "A");
  EXPECT_EQ(dns_rrtype_name(65), "HTTPS");
  EXPECT_EQ(dns_rrtype_name(257), "CAA");
  EXPECT_EQ(dns_rrtype_name(31), "");
  EXPECT_EQ(dns_rrtype_name(65535), "");
  EXPECT_EQ(dns_rcode_name(3), "NXDOMAIN");
  EXPECT_EQ(dns_rcode_name(15), "");
}

}  // namespace
}  // namespace sluice

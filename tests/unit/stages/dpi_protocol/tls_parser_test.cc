// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/tls_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "hello_builder.h"
#include "tls_session.h"
#include "transcript.h"

namespace sluice {
namespace {

constexpr Direction kClient = Direction::Original;
constexpr Direction kServer = Direction::Reply;

// What a transaction says beyond its buffers.
class TlsTranscript : public Transcript {
 public:
  uint16_t client_version = 0, version = 0, cipher = 0;
  uint8_t messages = 0;
  bool resumed = false, hello_retry = false, certificate_unreadable = false;
  int64_t not_before = 0, not_after = 0;

 protected:
  void note(const Transaction& transaction) override {
    Transcript::note(transaction);
    const auto& tls = static_cast<const TlsTransaction&>(transaction);
    client_version = tls.client_version;
    version = tls.version;
    cipher = tls.cipher;
    messages = tls.states;
    resumed = tls.resumed;
    hello_retry = tls.hello_retry;
    certificate_unreadable = tls.certificate_unreadable;
    not_before = tls.not_before;
    not_after = tls.not_after;
  }
};

// Gives a parser both streams as a reader of TCP would: what it leaves is shown
// again with more behind it.
class Feeder {
 public:
  Feeder(TestLane& lane, TransactionSink& sink) : parser_(lane.lane), sink_(sink) {}

  void feed(Direction from, std::string_view bytes, size_t step = SIZE_MAX) {
    std::string& pending = pending_[static_cast<size_t>(from)];
    for (size_t at = 0; at < bytes.size();) {
      const size_t n = std::min(step, bytes.size() - at);
      pending.append(bytes.substr(at, n));
      at += n;
      show(from, false);
    }
  }
  void close(Direction from) { show(from, true); }
  void feed(const TlsSession& session, size_t step = SIZE_MAX) {
    for (const TlsFlight& flight : session.flights) feed(flight.from, flight.bytes, step);
  }
  void end() { parser_.end(sink_); }
  bool finished(Direction of) const { return parser_.finished(of); }
  const std::string& pending(Direction of) const { return pending_[static_cast<size_t>(of)]; }

 private:
  void show(Direction from, bool end) {
    if (parser_.finished(from)) return;
    std::string& pending = pending_[static_cast<size_t>(from)];
    // Of exact size, so that a sanitizer sees a byte read too much.
    std::unique_ptr<uint8_t[]> window(new uint8_t[pending.size()]);
    std::copy(pending.begin(), pending.end(), window.get());
    const Consumed consumed = parser_.consume(from, {window.get(), pending.size()}, end, sink_);
    ASSERT_LE(consumed.bytes, pending.size());
    ASSERT_EQ(consumed.finished, parser_.finished(from));
    pending.erase(0, consumed.bytes);
  }

  TlsParser parser_;
  TransactionSink& sink_;
  std::string pending_[2];
};

TlsTranscript read(const TlsSession& session, size_t step = SIZE_MAX) {
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(session, step);
  feeder.end();
  EXPECT_EQ(lane.arena.in_use(), 0u);
  return told;
}

TEST(TlsParser, ReadsAHandshakeOfTls12) {
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  const TlsSession session = make_tls_session({.alpn = "\x02h2\x08http/1.1"});
  feeder.feed(session);

  EXPECT_EQ(told.one(Buffer::TlsSni), "www.example.com");
  EXPECT_EQ(told.all(Buffer::TlsAlpn), (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_EQ(told.all(Buffer::TlsAlpn, kServer), std::vector<std::string>{"h2"});
  EXPECT_EQ(told.one(Buffer::TlsVersion), "1.2");
  EXPECT_EQ(told.one(Buffer::TlsVersion, kServer), "1.2");
  EXPECT_EQ(told.one(Buffer::TlsRandom).size(), 32u);
  EXPECT_NE(told.one(Buffer::TlsRandom), told.one(Buffer::TlsRandom, kServer));
  EXPECT_EQ(told.one(Buffer::TlsCertificate, kServer), session.certificate);
  EXPECT_EQ(told.one(Buffer::TlsSubject, kServer), "C=US, O=Example, Inc., CN=www.example.com");
  EXPECT_EQ(told.one(Buffer::TlsIssuer, kServer), told.one(Buffer::TlsSubject, kServer));
  EXPECT_EQ(told.one(Buffer::TlsSerial, kServer), "00:81:23:45:67:89:AB:CD:EF");
  EXPECT_EQ(told.one(Buffer::TlsSubjectAltName, kServer), "www.example.com");
  EXPECT_EQ(told.not_before, 1700000000);
  EXPECT_EQ(told.not_after, 2600000000);
  EXPECT_EQ(told.version, 0x0303);
  EXPECT_NE(told.cipher, 0);
  EXPECT_FALSE(told.resumed);
  EXPECT_EQ(told.messages,
            kTlsClientHello | kTlsServerHello | kTlsClientKeyExchange | kTlsServerKeyExchange);
  // Encrypted from ChangeCipherSpec on: nothing is left to read.
  EXPECT_TRUE(feeder.finished(kClient));
  EXPECT_TRUE(feeder.finished(kServer));
  EXPECT_TRUE(told.states[0].finished);
  EXPECT_EQ(lane.arena.in_use(), 0u);
}

TEST(TlsParser, ReadsTheSameByteByByte) {
  const TlsSessionOptions cases[] = {
      {},
      {.version = TLS1_3_VERSION},
      {.version = TLS1_VERSION, .alpn = "\x02h2"},
      {.client_certificate = true},
      {.resume = true},
      {.version = TLS1_3_VERSION, .server_groups = "P-384"},
      {.fragment = 512},
  };
  for (const TlsSessionOptions& options : cases) {
    const TlsSession session = make_tls_session(options);
    const TlsTranscript whole = read(session);
    for (const size_t step : {1, 2, 7, 100}) {
      const TlsTranscript parts = read(session, step);
      EXPECT_EQ(parts.states, whole.states) << "step " << step;
      EXPECT_EQ(parts.calls, whole.calls) << "step " << step;
      EXPECT_EQ(parts.messages, whole.messages);
    }
  }
}

TEST(TlsParser, StopsAtTheServerHelloOfTls13) {
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  const TlsSession session = make_tls_session({.version = TLS1_3_VERSION, .alpn = "\x02h2"});
  feeder.feed(kClient, session.flights[0].bytes);
  EXPECT_FALSE(feeder.finished(kClient));
  feeder.feed(kServer, session.flights[1].bytes);
  EXPECT_TRUE(feeder.finished(kClient));
  EXPECT_TRUE(feeder.finished(kServer));
  EXPECT_EQ(told.one(Buffer::TlsVersion), "1.3");
  EXPECT_EQ(told.one(Buffer::TlsVersion, kServer), "1.3");
  EXPECT_EQ(told.one(Buffer::TlsSubject, kServer), "<none>");
  EXPECT_EQ(told.one(Buffer::Ja3sString, kServer).substr(0, 4), "771,");
  EXPECT_FALSE(told.resumed);
  EXPECT_FALSE(told.hello_retry);
}

TEST(TlsParser, ReadsBothHellosAroundAHelloRetryRequest) {
  const TlsSession session =
      make_tls_session({.version = TLS1_3_VERSION, .server_groups = "P-384"});
  ASSERT_GE(session.flights.size(), 4u);
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(kClient, session.flights[0].bytes);
  const std::string first_random = told.one(Buffer::TlsRandom);
  const std::string ja3 = told.one(Buffer::Ja3Hash);
  feeder.feed(kServer, session.flights[1].bytes);
  EXPECT_TRUE(told.hello_retry);
  EXPECT_FALSE(feeder.finished(kClient));
  EXPECT_FALSE(feeder.finished(kServer));
  feeder.feed(kClient, session.flights[2].bytes);
  // OpenSSL's second hello has the first one's random (RFC 8446 section 4.1.2).
  EXPECT_EQ(told.one(Buffer::TlsRandom), first_random);
  EXPECT_EQ(told.one(Buffer::Ja3Hash), ja3);
  EXPECT_FALSE(feeder.finished(kClient));
  feeder.feed(kServer, session.flights[3].bytes);
  EXPECT_TRUE(feeder.finished(kClient));
  EXPECT_TRUE(feeder.finished(kServer));
  EXPECT_EQ(told.version, 0x0304);
}

// Marks what it was shown as the rules do.
class Scanner final : public TransactionSink {
 public:
  void advanced(Transaction& transaction, Direction) noexcept override {
    for (size_t d = 0; d < 2; ++d) {
      for (size_t b = 0; b < kBuffers; ++b) {
        BufferView& view = transaction.views[d][b];
        if ((transaction.fresh[d] & uint64_t{1} << b) != 0) {
          scanned.emplace_back(static_cast<Buffer>(b), text_of(view.bytes().subspan(view.scanned)));
        }
        view.scanned = view.size;
      }
    }
  }
  void finished(Transaction&) noexcept override {}
  size_t count(Buffer buffer, const std::string& bytes) const {
    return static_cast<size_t>(
        std::count(scanned.begin(), scanned.end(), std::pair{buffer, bytes}));
  }
  std::vector<std::pair<Buffer, std::string>> scanned;
};

TEST(TlsParser, ShowsTheRulesWhatASecondHelloSaysOtherwise) {
  const auto hello = [](std::string_view name, std::string_view alpn) {
    return tls_record(
        22, tls_message(1, client_hello_body(0x0303, {0x1301},
                                             {{0, server_name(name)}, {16, list16(alpn)}})));
  };
  const std::string alpn = list8("h2") + list8("http/1.1");
  const TlsSession session =
      make_tls_session({.version = TLS1_3_VERSION, .server_groups = "P-384"});
  TestLane lane;
  Scanner scanner;
  Feeder feeder(lane, scanner);
  feeder.feed(kClient, hello("harmless.example", alpn));
  feeder.feed(kServer, session.flights[1].bytes);
  feeder.feed(kClient, hello("harmful1.example", alpn));
  EXPECT_EQ(scanner.count(Buffer::TlsSni, "harmless.example"), 1u);
  EXPECT_EQ(scanner.count(Buffer::TlsSni, "harmful1.example"), 1u);
  EXPECT_EQ(scanner.count(Buffer::TlsAlpn, "h2"), 1u) << "what it repeats is not new";
}

TEST(TlsParser, TellsAResumedSession) {
  const TlsTranscript old = read(make_tls_session({.resume = true}));
  EXPECT_TRUE(old.resumed);
  EXPECT_EQ(old.one(Buffer::TlsSubject, kServer), "<none>");
  EXPECT_TRUE(read(make_tls_session({.version = TLS1_3_VERSION, .resume = true})).resumed);
}

TEST(TlsParser, ReadsTheClientsCertificate) {
  const TlsTranscript told = read(make_tls_session({.client_certificate = true}));
  EXPECT_EQ(told.one(Buffer::TlsSubject), "C=US, O=Example, Inc., CN=www.example.com");
  EXPECT_EQ(told.one(Buffer::TlsSubject, kServer), told.one(Buffer::TlsSubject));
}

TEST(TlsParser, JoinsMessagesThatSpanRecords) {
  const TlsSession session = make_tls_session({});
  const TlsTranscript expected = read(session);
  const std::string client = tls_fragments(session.flights[0].bytes);
  const std::string server = tls_fragments(session.flights[1].bytes);
  for (const size_t size : {1, 2, 3, 4, 5, 63, 64, 65, 400}) {
    TestLane lane;
    TlsTranscript told;
    Feeder feeder(lane, told);
    for (size_t at = 0; at < client.size(); at += size) {
      feeder.feed(kClient, tls_record(22, client.substr(at, size)));
    }
    for (size_t at = 0; at < server.size(); at += size) {
      feeder.feed(kServer, tls_record(22, server.substr(at, size)), 3);
    }
    for (size_t i = 2; i < session.flights.size(); ++i) {
      feeder.feed(session.flights[i].from, session.flights[i].bytes);
    }
    EXPECT_EQ(told.states, expected.states) << "fragments of " << size;
    EXPECT_EQ(lane.arena.in_use(), 0u);
  }
}

TEST(TlsParser, ReadsWhatThereIsOfAHelloThatBreaksOff) {
  const std::string hello = make_tls_session({.alpn = "\x02h2"}).flights[0].bytes;
  std::string last_name = "<none>";
  for (size_t size = 0; size <= hello.size(); ++size) {
    TestLane lane;
    TlsTranscript told;
    Feeder feeder(lane, told);
    feeder.feed(kClient, std::string_view(hello).substr(0, size));
    const bool whole = size == hello.size();
    EXPECT_EQ(told.calls.empty(), !whole) << size;
    feeder.close(kClient);
    EXPECT_TRUE(feeder.finished(kClient));
    feeder.end();
    // Once there, a buffer is the same in every longer prefix.
    const std::string name = told.one(Buffer::TlsSni);
    if (last_name != "<none>") {
      EXPECT_EQ(name, last_name) << size;
    }
    last_name = name;
    if (!told.states.empty()) {
      EXPECT_EQ(told.states[0].truncated, !whole);
      EXPECT_EQ(told.one(Buffer::Ja3Hash) != "<none>", whole);
    }
    EXPECT_EQ(lane.arena.in_use(), 0u);
  }
  EXPECT_EQ(last_name, "www.example.com");
}

TEST(TlsParser, ReadsWhatThereIsOfAHelloInTwoRecords) {
  const std::string message = tls_fragments(make_tls_session({}).flights[0].bytes);
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(kClient, tls_record(22, message.substr(0, 60)));
  const std::string second = tls_record(22, message.substr(60));
  feeder.feed(kClient, second.substr(0, second.size() - 1));
  EXPECT_TRUE(told.calls.empty());
  feeder.close(kClient);
  EXPECT_EQ(told.one(Buffer::TlsSni), "www.example.com");
}

TEST(TlsParser, TakesAHelloOfSsl2ForAHello) {
  std::string hello{'\x01', 3, 1, 0, 6, 0, 0, 0, 16};
  hello += std::string("\x00\x00\x2f\x01\x00\x80", 6) + std::string(16, 'c');
  hello = std::string{'\x80', static_cast<char>(hello.size())} + hello;
  EXPECT_EQ(TlsParser::looks_like(kClient, bytes_of(hello)), Recognition::Yes);
  const TlsSession session = make_tls_session({.version = TLS1_VERSION});
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(kClient, hello, 1);
  EXPECT_EQ(told.one(Buffer::TlsVersion), "1.0");
  EXPECT_EQ(told.client_version, 0x0301);
  feeder.feed(kServer, session.flights[1].bytes, 1);
  EXPECT_EQ(told.one(Buffer::TlsSubject, kServer), "C=US, O=Example, Inc., CN=www.example.com");
  EXPECT_EQ(told.version, 0x0301);
}

TEST(TlsParser, StopsAtAFatalAlertAndNotAtAWarning) {
  const TlsSession session = make_tls_session({});
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(kClient, session.flights[0].bytes);
  feeder.feed(kServer, tls_record(21, "\x01\x70"));  // unrecognized_name
  EXPECT_FALSE(feeder.finished(kServer));
  feeder.feed(kServer, tls_record(21, "\x02\x28"));  // handshake_failure
  EXPECT_TRUE(feeder.finished(kServer));
  EXPECT_TRUE(feeder.finished(kClient));
  EXPECT_TRUE(told.states[0].finished);
  EXPECT_EQ(told.version, 0);
}

TEST(TlsParser, WaitsForASecondHelloBehindEarlyData) {
  const TlsSession session =
      make_tls_session({.version = TLS1_3_VERSION, .server_groups = "P-384"});
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(kClient, session.flights[0].bytes);
  feeder.feed(kClient, tls_record(20, "\x01") + tls_record(23, std::string(1000, 'x')));
  EXPECT_FALSE(feeder.finished(kClient));
  feeder.feed(kServer, session.flights[1].bytes);
  feeder.feed(kClient, session.flights[2].bytes);
  feeder.feed(kServer, session.flights[3].bytes);
  EXPECT_EQ(told.version, 0x0304);
  EXPECT_EQ(told.calls.size(), 5u);  // two hellos a side, and the end
}

TEST(TlsParser, GivesUpEarlyDataWithoutEnd) {
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(kClient, make_tls_session({.version = TLS1_3_VERSION}).flights[0].bytes);
  for (int i = 0; i < 10 && !feeder.finished(kClient); ++i) {
    feeder.feed(kClient, tls_record(23, std::string(16000, 'x')));
  }
  EXPECT_TRUE(feeder.finished(kClient));
}

TEST(TlsParser, LeavesWhatIsNoTls) {
  for (const std::string_view text :
       {"GET / HTTP/1.1\r\n", "\x16\x02\x01", "\x80\x03\x05", "\x16\x03\x01\xff\xff"}) {
    TestLane lane;
    TlsTranscript told;
    Feeder feeder(lane, told);
    feeder.feed(kClient, text, 1);
    EXPECT_TRUE(feeder.finished(kClient)) << text;
    EXPECT_TRUE(feeder.finished(kServer)) << text;
    EXPECT_TRUE(told.calls.empty());
    EXPECT_EQ(lane.lane.counters.tls_broken, 1u);
  }
}

TEST(TlsParser, PassesOverAMessageThatIsTooLong) {
  const TlsSession session = make_tls_session({});
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(kClient, session.flights[0].bytes);
  const std::string messages = tls_fragments(session.flights[1].bytes);
  const size_t server_hello =
      4 + (static_cast<uint8_t>(messages[2]) << 8 | static_cast<uint8_t>(messages[3]));
  feeder.feed(kServer, tls_record(22, messages.substr(0, server_hello)));
  // A certificate message of 1 MiB, and another message right behind it.
  std::string big = tls_message(11, std::string(1 << 20, '\0')) + messages.substr(server_hello);
  for (size_t at = 0; at < big.size(); at += 16000) {
    feeder.feed(kServer, tls_record(22, big.substr(at, 16000)));
  }
  EXPECT_EQ(told.one(Buffer::TlsSubject, kServer), "C=US, O=Example, Inc., CN=www.example.com");
  EXPECT_TRUE(told.states[0].truncated);
  EXPECT_LT(lane.arena.peak(), 64u * 1024);
}

TEST(TlsParser, HoldsNoMoreMemoryThanHasCome) {
  TestLane lane;
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(kClient, tls_record(22, std::string("\x01\x00\xe0\x00\x03\x03", 6)));
  EXPECT_LE(lane.arena.in_use(), 512u);
}

TEST(TlsParser, GivesUpWithoutMemory) {
  const TlsSession session = make_tls_session({.client_certificate = true, .fragment = 512});
  const TlsTranscript expected = read(session);
  bool lost_any = false, kept_all = false;
  for (size_t left = 0; left <= 64 * 1024; left += 512) {
    TestLane lane(1 << 20);
    std::vector<void*> blocks;
    while (lane.arena.in_use() < (1 << 20) - left) blocks.push_back(lane.arena.allocate(400));
    {
      TlsTranscript told;
      Feeder feeder(lane, told);
      feeder.feed(session);
      feeder.end();
      if (lane.lane.counters.no_memory > 0) {
        lost_any = true;
        for (const auto& [number, state] : told.states) EXPECT_TRUE(state.truncated) << left;
      } else {
        kept_all = true;
        EXPECT_EQ(told.states, expected.states) << left;
      }
    }
    for (void* block : blocks) arena_free(block);
    EXPECT_EQ(lane.arena.in_use(), 0u);
  }
  EXPECT_TRUE(lost_any);
  EXPECT_TRUE(kept_all);
}

TEST(TlsParser, ComputesOnlyWhatIsWanted) {
  const TlsSession session = make_tls_session({});
  TestLane lane;
  lane.lane.wanted = buffer_bit(Buffer::TlsSubject);
  TlsTranscript told;
  Feeder feeder(lane, told);
  feeder.feed(session);
  EXPECT_NE(told.one(Buffer::TlsSubject, kServer), "<none>");
  EXPECT_NE(told.one(Buffer::TlsSni), "<none>");
  for (const Buffer buffer : {Buffer::Ja3Hash, Buffer::Ja3String, Buffer::Ja4}) {
    EXPECT_EQ(told.one(buffer), "<none>");
  }
  for (const Buffer buffer : {Buffer::Ja3sHash, Buffer::TlsCertificate, Buffer::TlsFingerprint,
                              Buffer::TlsIssuer, Buffer::TlsSerial}) {
    EXPECT_EQ(told.one(buffer, kServer), "<none>");
  }
}

TEST(TlsParser, SurvivesEverySingleByteChanged) {
  const TlsSession session = make_tls_session({.fragment = 600});
  const std::string client = session.flights[0].bytes, server = session.flights[1].bytes;
  for (size_t i = 0; i < client.size() + server.size(); ++i) {
    for (const uint8_t flip : {0x01, 0x80, 0xff}) {
      std::string c = client, s = server;
      char& byte = i < c.size() ? c[i] : s[i - c.size()];
      byte = static_cast<char>(byte ^ flip);
      TestLane lane;
      TlsTranscript told;
      {
        Feeder feeder(lane, told);
        feeder.feed(kClient, c);
        feeder.feed(kServer, s);
        feeder.close(kServer);
        feeder.end();
      }
      ASSERT_EQ(lane.arena.in_use(), 0u);
    }
  }
}

TEST(TlsParser, RecognisesItsBeginning) {
  const TlsSession session = make_tls_session({});
  const std::string client = session.flights[0].bytes, server = session.flights[1].bytes;
  const auto is = [](Direction from, std::string_view bytes) {
    return TlsParser::looks_like(from, bytes_of(bytes));
  };
  EXPECT_EQ(is(kClient, client), Recognition::Yes);
  EXPECT_EQ(is(kServer, server), Recognition::Yes);
  EXPECT_EQ(is(kClient, server), Recognition::No);
  EXPECT_EQ(is(kServer, client), Recognition::No);
  for (size_t n = 0; n < 6; ++n) {
    EXPECT_EQ(is(kClient, client.substr(0, n)), Recognition::NeedMore) << n;
  }
  EXPECT_EQ(is(kServer, std::string_view("\x15\x03\x01\x00\x02\x02\x28", 7)), Recognition::Yes);
  EXPECT_EQ(is(kClient, "GET / HTTP/1.1"), Recognition::No);
  EXPECT_EQ(is(kClient, "SSH-2.0-"), Recognition::No);
  EXPECT_EQ(is(kClient, std::string_view("\x16\x03\x01\x00\x00\x01", 6)), Recognition::No);
}

TEST(TlsNames, AreSuricatas) {
  std::array<char, 24> room;
  EXPECT_EQ(tls_version_name(0x0301, room), "TLSv1");
  EXPECT_EQ(tls_version_name(0x0304, room), "TLS 1.3");
  EXPECT_EQ(tls_version_name(0x7f1c, room), "TLS 1.3 draft-28");
  EXPECT_EQ(tls_version_name(0xfb1a, room), "TLS 1.3 draft-26-fb");
  EXPECT_EQ(tls_version_name(0x0002, room), "SSLv2");
  EXPECT_EQ(tls_version_name(0, room), "UNDETERMINED");
  EXPECT_EQ(tls_version_number(0x0300), "ssl3");
  EXPECT_EQ(tls_version_number(0x1234), "");
}

}  // namespace
}  // namespace sluice

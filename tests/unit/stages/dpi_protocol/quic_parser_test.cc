// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/quic_parser.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "hex.h"
#include "quic_packets.h"
#include "transcript.h"

namespace sluice {
namespace {

constexpr Direction kClient = Direction::Original;
constexpr Direction kServer = Direction::Reply;

// RFC 9001 appendix A.2: the client's CRYPTO frame.
const std::string kClientFrame = unhex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301"
    "1302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007"
    "000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f5"
    "0f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00"
    "024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f0"
    "3e51570806048000ffff");
const std::string kClientHello = kClientFrame.substr(4);
// A.3, with an ACK in front.
const std::string kServerFrames = unhex(
    "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a12"
    "00130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a00"
    "2b00020304");
const std::string kServerId = unhex("f067a5502a4262b5");

QuicInitialOptions server_options(uint32_t version = kQuicVersion1) {
  QuicInitialOptions options;
  options.version = version;
  options.from = kServer;
  options.destination = "";
  options.source = kServerId;
  options.number = 1;
  options.number_bytes = 2;
  options.pad_to = 0;
  return options;
}

struct QuicTest : testing::Test {
  TestLane lane;
  Transcript told;
  std::unique_ptr<QuicParser> parser = std::make_unique<QuicParser>(lane.lane);

  bool say(Direction from, const std::string& datagram) {
    const std::vector<uint8_t> exact(datagram.begin(), datagram.end());
    return parser->datagram(from, exact, told);
  }
  ~QuicTest() override {
    parser.reset();
    EXPECT_EQ(lane.arena.in_use(), 0u);
  }
};

// ---- keys and packets: RFC 9001 appendix A, RFC 9369 appendix A ----

struct KeyVector {
  uint32_t version;
  Direction sender;
  const char *key, *iv, *header;
};

TEST(QuicInitial, DerivesTheKeysOfTheRfcs) {
  const KeyVector vectors[] = {
      {kQuicVersion1, kClient, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
       "9f50449e04a0e810283a1e9933adedd2"},
      {kQuicVersion1, kServer, "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e",
       "c206b8d9b9f0f37644430b490eeaa314"},
      {kQuicVersion2, kClient, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f",
       "45b95e15235d6f45a6b19cbcb0294ba9"},
      {kQuicVersion2, kServer, "82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652",
       "edf6d05c83121201b436e16877593c3a"},
  };
  for (const KeyVector& v : vectors) {
    QuicKeys keys;
    ASSERT_TRUE(derive_quic_keys(v.version, quic_id(unhex("8394c8f03e515708")), v.sender, keys));
    EXPECT_EQ(hex(keys.key), v.key);
    EXPECT_EQ(hex(keys.iv), v.iv);
    EXPECT_EQ(hex(keys.header), v.header);
  }
  QuicKeys none;
  EXPECT_FALSE(derive_quic_keys(0x0a0a0a0a, {}, kClient, none));
}

// The packets that the tests seal are those of the RFCs.
TEST(QuicInitial, SealsThePacketsOfTheRfcs) {
  QuicInitialOptions client;
  client.number = 2;
  const std::string one = quic_initial(client, kClientFrame);
  EXPECT_EQ(one.size(), 1200u);
  EXPECT_EQ(hex(bytes_of(one).first(32)),
            "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11");
  EXPECT_EQ(hex(bytes_of(one).last(16)), "e221af44860018ab0856972e194cd934");
  client.version = kQuicVersion2;
  const std::string two = quic_initial(client, kClientFrame);
  EXPECT_EQ(hex(bytes_of(two).first(32)),
            "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485");
  EXPECT_EQ(hex(bytes_of(two).last(16)), "a18b2faa745b6fe189cf772a9f84cbfc");
  EXPECT_EQ(
      hex(bytes_of(quic_initial(server_options(), kServerFrames))),
      "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554"
      "780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b"
      "562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074e"
      "e");
}

TEST(QuicInitial, TakesPacketNumbersNearestToTheOneExpected) {
  ProtocolCrypto crypto;
  QuicKeys keys;
  QuicInitialOptions options;
  derive_quic_keys(options.version, quic_id(options.destination), kClient, keys);
  for (const uint32_t number : {0u, 100u, 220u, 255u, 256u, 300u, 420u, 515u}) {
    options.number = number;
    options.number_bytes = 1;
    const std::string packet = quic_initial(options, kClientFrame);
    QuicLongHeader header;
    ASSERT_TRUE(parse_quic_long_header(bytes_of(packet), header));
    QuicPlain plain;
    EXPECT_TRUE(open_quic_initial(crypto, keys, header, bytes_of(packet), plain)) << number;
    EXPECT_EQ(keys.next_number, number + 1);
  }
}

// ---- conversations ----

TEST_F(QuicTest, ReadsBothHellosOfTheRfc) {
  for (const uint32_t version : {kQuicVersion1, kQuicVersion2, 0xff00001du}) {
    Transcript transcript;
    QuicParser one(lane.lane);
    QuicInitialOptions client;
    client.version = version;
    const std::string hello = quic_initial(client, kClientFrame);
    EXPECT_EQ(QuicParser::looks_like(kClient, bytes_of(hello)), Recognition::Yes);
    EXPECT_TRUE(one.datagram(kClient, bytes_of(hello), transcript));
    EXPECT_EQ(transcript.one(Buffer::QuicSni), "example.com");
    EXPECT_EQ(transcript.one(Buffer::TlsSni), "<none>");
    EXPECT_EQ(transcript.one(Buffer::TlsAlpn), "alpn");
    EXPECT_EQ(transcript.one(Buffer::Ja3String),
              "771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,");
    EXPECT_EQ(transcript.one(Buffer::Ja4).substr(0, 10), "q13d0211an");
    EXPECT_EQ(one.transaction()->quic_version, version);
    EXPECT_EQ(transcript.one(Buffer::QuicVersion), version == kQuicVersion1   ? "1"
                                                   : version == kQuicVersion2 ? "2"
                                                                              : "draft-29");
    EXPECT_FALSE(one.datagram(
        kServer, bytes_of(quic_initial(server_options(version), kServerFrames)), transcript));
    EXPECT_EQ(transcript.one(Buffer::Ja3sString, kServer), "771,4865,51-43");
    EXPECT_TRUE(transcript.states[0].finished);
    EXPECT_EQ(transcript.states[0].protocol, AppProtocol::Quic);
  }
}

TEST_F(QuicTest, JoinsAHelloOutOfSeveralPacketsInAnyOrder) {
  // As browsers do it: small frames, shuffled, over several datagrams.
  std::vector<std::string> frames;
  for (size_t at = 0; at < kClientHello.size(); at += 17) {
    frames.push_back(crypto_frame(at, std::string_view(kClientHello).substr(at, 17)));
  }
  Transcript expected;
  {
    QuicParser one(lane.lane);
    one.datagram(kClient, bytes_of(quic_initial({}, kClientFrame)), expected);
    one.end(expected);
  }
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::shuffle(frames.begin(), frames.end(), random);
    const size_t packets = 1 + static_cast<size_t>(round) % 3;
    Transcript transcript;
    QuicParser one(lane.lane);
    for (size_t p = 0; p < packets; ++p) {
      std::string payload;
      for (size_t i = p; i < frames.size(); i += packets) {
        payload += frames[i] + std::string(i % 3, '\0') + (i % 2 == 0 ? "\x01" : "");
      }
      QuicInitialOptions options;
      options.number = static_cast<uint32_t>(p);
      EXPECT_TRUE(transcript.calls.empty());
      one.datagram(kClient, bytes_of(quic_initial(options, payload)), transcript);
    }
    one.end(transcript);
    EXPECT_EQ(transcript.states, expected.states);
  }
}

TEST_F(QuicTest, ReadsPacketsThatShareADatagram) {
  QuicInitialOptions first, second;
  first.pad_to = 0;
  second.number = 1;
  const std::string half = kClientHello.substr(0, 100);
  EXPECT_TRUE(say(kClient, quic_initial(first, crypto_frame(0, half)) +
                               quic_initial(second, crypto_frame(100, kClientHello.substr(100)))));
  EXPECT_EQ(told.one(Buffer::QuicSni), "example.com");
}

TEST_F(QuicTest, FollowsARetry) {
  QuicInitialOptions options;
  EXPECT_TRUE(say(kClient, quic_initial(options, crypto_frame(0, kClientHello.substr(0, 50)))));
  // The server's Retry; the client's keys follow from its connection ID now.
  std::string retry =
      '\xf0' + u32(kQuicVersion1) + list8("") + list8(kServerId) + "token" + std::string(16, 'i');
  EXPECT_TRUE(say(kServer, retry));
  options.keys_from = options.destination = kServerId;
  options.token = "token";
  options.number = 1;
  EXPECT_TRUE(say(kClient, quic_initial(options, crypto_frame(0, kClientHello))));
  EXPECT_EQ(told.one(Buffer::QuicSni), "example.com");
  QuicInitialOptions server = server_options();
  server.keys_from = kServerId;
  EXPECT_FALSE(say(kServer, quic_initial(server, kServerFrames)));
  EXPECT_EQ(told.one(Buffer::Ja3sString, kServer), "771,4865,51-43");
  EXPECT_EQ(told.states.size(), 1u);
}

TEST_F(QuicTest, KeepsTheKeysWhenTheClientTakesTheServersId) {
  QuicInitialOptions options;
  EXPECT_TRUE(say(kClient, quic_initial(options, crypto_frame(0, kClientHello.substr(0, 50)))));
  QuicInitialOptions ack = server_options();
  EXPECT_TRUE(say(kServer, quic_initial(ack, unhex("0200000000") + std::string(20, '\0'))));
  options.destination = kServerId;
  options.number = 1;
  EXPECT_TRUE(say(kClient, quic_initial(options, crypto_frame(50, kClientHello.substr(50)))));
  EXPECT_EQ(told.one(Buffer::QuicSni), "example.com");
}

TEST_F(QuicTest, FollowsAServerThatTakesAnotherVersion) {
  // RFC 9368: compatible version negotiation.
  say(kClient, quic_initial({}, kClientFrame));
  EXPECT_FALSE(say(kServer, quic_initial(server_options(kQuicVersion2), kServerFrames)));
  EXPECT_EQ(told.one(Buffer::Ja3sString, kServer), "771,4865,51-43");
}

TEST_F(QuicTest, TellsSeveralConnectionsOfOneFlowApart) {
  QuicInitialOptions options;
  say(kClient, quic_initial(options, kClientFrame));
  std::string other = kClientHello;
  other.replace(other.find("example"), 7, "another");
  options.keys_from = options.destination = "eleven bytes";
  EXPECT_TRUE(say(kClient, quic_initial(options, crypto_frame(0, other))));
  EXPECT_EQ(told.one(Buffer::QuicSni, kClient, 0), "example.com");
  EXPECT_EQ(told.one(Buffer::QuicSni, kClient, 1), "another.com");
  EXPECT_TRUE(told.states[0].finished);
  EXPECT_FALSE(told.states[1].finished);
  for (int i = 0; i < 10; ++i) {
    options.keys_from = options.destination = "connection " + std::to_string(i);
    say(kClient, quic_initial(options, crypto_frame(0, other)));
  }
  EXPECT_EQ(told.states.size(), QuicParser::kMaxConnections);
}

TEST_F(QuicTest, ReadsWhatThereIsOfAHelloThatBreaksOff) {
  for (size_t size = 0; size <= kClientHello.size(); size += 3) {
    Transcript transcript;
    QuicParser one(lane.lane);
    one.datagram(kClient, bytes_of(quic_initial({}, crypto_frame(0, kClientHello.substr(0, size)))),
                 transcript);
    EXPECT_TRUE(transcript.calls.empty());
    one.end(transcript);
    const std::string name = transcript.one(Buffer::QuicSni);
    EXPECT_TRUE(name == "<none>" || name == "example.com") << name;
    const size_t name_ends = kClientHello.find("example.com") + 11;
    EXPECT_EQ(name == "example.com", size >= name_ends) << size;
    if (!transcript.states.empty()) {
      EXPECT_TRUE(transcript.states[0].truncated);
    }
  }
}

TEST_F(QuicTest, KeepsTheFirstOfTwoCopies) {
  QuicInitialOptions options;
  say(kClient, quic_initial(options, crypto_frame(0, kClientHello.substr(0, 100))));
  std::string other = kClientHello;
  other.replace(other.find("example"), 7, "another");
  options.number = 1;
  say(kClient, quic_initial(options, crypto_frame(0, other)));
  EXPECT_EQ(told.one(Buffer::QuicSni), "example.com");
}

TEST_F(QuicTest, ReadsBothHellosAroundAHelloRetryRequest) {
  QuicInitialOptions client;
  say(kClient, quic_initial(client, kClientFrame));
  const std::string retry = tls_message(
      2, u16(0x0303) + unhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c") +
             list8("") + u16(0x1301) + std::string(1, '\0') +
             tls_extensions({{43, u16(0x0304)}, {51, u16(23)}}));
  QuicInitialOptions server = server_options();
  EXPECT_TRUE(say(kServer, quic_initial(server, crypto_frame(0, retry))));
  EXPECT_FALSE(told.states[0].sides[0].complete);
  // The second hello goes on where the first one ended, and asks for something else.
  std::string second = kClientHello;
  second.replace(second.find("example"), 7, "another");
  client.number = 1;
  EXPECT_TRUE(say(kClient, quic_initial(client, crypto_frame(kClientHello.size(), second))));
  EXPECT_EQ(told.one(Buffer::QuicSni), "another.com");
  server.number = 2;
  const std::string hello = kServerFrames.substr(9);  // behind the ACK and the frame's header
  EXPECT_FALSE(say(kServer, quic_initial(server, crypto_frame(retry.size(), hello))));
  EXPECT_EQ(told.calls.size(), 4u);
  EXPECT_TRUE(told.states[0].finished);
}

TEST_F(QuicTest, BoundsWhatItHolds) {
  QuicInitialOptions options;
  options.pad_to = 1162;
  say(kClient,
      quic_initial(options, crypto_frame(16000, "x") + crypto_frame(16383, "x") +
                                crypto_frame(1 << 20, "x") + crypto_frame(uint64_t{1} << 61, "x")));
  EXPECT_LE(lane.arena.in_use(), 16u * 1024);
  std::string pieces;
  for (size_t at = 2; at < kClientHello.size(); at += 4)
    pieces += crypto_frame(at, kClientHello.substr(at, 1));
  options.number = 1;
  say(kClient, quic_initial(options, pieces));
  EXPECT_GT(lane.lane.counters.truncated, 2u);
  options.number = 2;
  EXPECT_TRUE(say(kClient, quic_initial(options, kClientFrame)));
  EXPECT_EQ(told.one(Buffer::QuicSni), "example.com");
}

TEST_F(QuicTest, GivesUpInTheEnd) {
  for (uint32_t i = 0; i < QuicParser::kMaxDatagrams; ++i) EXPECT_TRUE(say(kClient, "junk"));
  EXPECT_FALSE(say(kClient, "junk"));
}

TEST_F(QuicTest, LeavesWithTheServersFirstShortHeader) {
  say(kClient, quic_initial({}, kClientFrame));
  EXPECT_TRUE(say(kClient, std::string(50, 'A')));
  EXPECT_FALSE(say(kServer, std::string(50, 'A')));
  EXPECT_TRUE(told.states[0].finished);
}

TEST_F(QuicTest, SurvivesHostileFrames) {
  const std::string cases[] = {
      std::string("\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 18),
      std::string("\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 17),
      std::string("\x06\x00\xff\xff\xff\xff\xff\xff\xff\xff", 10),
      std::string("\x03\x00", 2),
      std::string("\x1c\x00\x00\x05", 4),
      crypto_frame(0, std::string("\x02\x00\x00\x01x", 5)),  // a ServerHello of a client
      crypto_frame(0, std::string("\x01\xff\xff\xffx", 5)),  // a ClientHello of 16 MiB
      crypto_frame(0, std::string("\x01\x00\x00\x01x", 5)),  // one of a byte
  };
  uint32_t number = 0;
  for (const std::string& frames : cases) {
    Transcript transcript;
    QuicParser one(lane.lane);
    QuicInitialOptions options;
    options.number = number++;
    options.pad_to = frames.size() < 20 ? 20 : 0;
    std::string padded = frames;
    one.datagram(kClient, bytes_of(quic_initial(options, padded)), transcript);
    one.end(transcript);
  }
}

TEST_F(QuicTest, SurvivesEveryCutAndChange) {
  const std::string datagram = quic_initial({}, kClientFrame);
  for (size_t i = 0; i < datagram.size(); ++i) {
    Transcript transcript;
    QuicParser one(lane.lane);
    const std::vector<uint8_t> cut(datagram.begin(), datagram.begin() + static_cast<ptrdiff_t>(i));
    one.datagram(kClient, cut, transcript);
    EXPECT_TRUE(transcript.calls.empty()) << "a cut packet is not sealed any more";
    std::string changed = datagram;
    changed[i] = static_cast<char>(changed[i] ^ 0x55);
    one.datagram(kClient, bytes_of(changed), transcript);
    EXPECT_TRUE(transcript.calls.empty()) << i;
  }
}

TEST_F(QuicTest, GoesOnWithoutMemory) {
  std::vector<void*> blocks;
  while (void* block = lane.arena.allocate(40)) blocks.push_back(block);
  EXPECT_TRUE(say(kClient, quic_initial({}, kClientFrame)));
  EXPECT_TRUE(told.calls.empty());
  EXPECT_GE(lane.lane.counters.no_memory, 1u);
  for (void* block : blocks) arena_free(block);
}

TEST(QuicParser, RecognisesItsBeginning) {
  const auto is = [](Direction from, const std::string& bytes) {
    return QuicParser::looks_like(from, bytes_of(bytes));
  };
  const std::string client = quic_initial({}, kClientFrame);
  EXPECT_EQ(is(kClient, client), Recognition::Yes);
  EXPECT_EQ(is(kClient, client.substr(0, 1000)), Recognition::No);
  EXPECT_EQ(is(kServer, quic_initial(server_options(), kServerFrames)), Recognition::Yes);
  EXPECT_EQ(is(kClient, std::string(1200, 'x')), Recognition::No);
  EXPECT_EQ(is(kClient, ""), Recognition::No);
  std::string unknown = client;
  unknown[4] = 0x55;
  EXPECT_EQ(is(kClient, unknown), Recognition::No);
}

// ---- the stream of CRYPTO frames, against a simple one ----

TEST(QuicCryptoStream, JoinsAsASimpleOneWould) {
  std::mt19937 random(3);
  uint64_t consumed_in_all = 0;
  for (int round = 0; round < 2000; ++round) {
    Arena arena(1 << 20, false);
    QuicCryptoStream stream{};
    size_t consumed = 0;
    std::string bytes(64, '?');
    std::vector<bool> there(64, false);
    for (int i = 0; i < 12; ++i) {
      const size_t from = random() % 60, size = random() % 8;
      std::string piece;
      for (size_t k = 0; k < size && from + k < 64; ++k) piece += static_cast<char>('a' + i);
      ASSERT_EQ(stream.insert(from, bytes_of(piece), arena), QuicCryptoStream::Result::Taken);
      for (size_t k = 0; k < piece.size(); ++k) {
        if (!there[from + k]) bytes[from + k] = piece[k];
        there[from + k] = true;
      }
      size_t whole = 0;
      while (whole < 64 && there[whole]) ++whole;
      ASSERT_EQ(text_of(stream.beginning()), bytes.substr(consumed, whole - consumed));
      if (whole > consumed && random() % 4 == 0) {
        const size_t now = 1 + random() % (whole - consumed);
        stream.consume(now);
        consumed += now;
        ASSERT_EQ(text_of(stream.beginning()), bytes.substr(consumed, whole - consumed));
      }
    }
    consumed_in_all += consumed;
    stream.release();
    EXPECT_EQ(arena.in_use(), 0u);
  }
  EXPECT_GT(consumed_in_all, 1000u);
}

}  // namespace
}  // namespace sluice

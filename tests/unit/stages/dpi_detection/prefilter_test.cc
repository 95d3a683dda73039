// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/prefilter.h"

#include "stages/dpi/detection/fast_pattern.h"
#include "tests/unit/stages/dpi_detection/detection_fixture.h"

namespace sluice::rules {
namespace {

class PrefilterTest : public ::testing::Test {
 protected:
  void build(std::vector<Prefilter::Pattern> patterns) {
    DatabaseCache cache("");
    filter = Prefilter(patterns, cache);
    hs_scratch_t* one = nullptr;
    ASSERT_EQ(hs_alloc_scratch(filter.database(), &one), HS_SUCCESS);
    scratch.reset(one);
  }
  Sids scan(std::string_view bytes, size_t seen = 0, uint64_t offset = 0) {
    candidates.clear();
    scanned = filter.scan(bytes_of(bytes), seen, offset, 1, scratch.get(), candidates);
    const auto sorted = candidates.sorted();
    return {sorted.begin(), sorted.end()};
  }
  struct Free {
    void operator()(hs_scratch_t* s) const { hs_free_scratch(s); }
  };
  Prefilter filter;
  std::unique_ptr<hs_scratch_t, Free> scratch;
  Candidates candidates{8};
  size_t scanned = 0;
};

TEST_F(PrefilterTest, FindsWhatEndsInFreshBytes) {
  build({{"abcd", false, {{3, 0, 0}, {1, 0, 0}}}, {"xy", true, {{2, 0, 0}}}});
  EXPECT_EQ(scan("..abcd"), (Sids{1, 3}));
  EXPECT_EQ(scan("..abcd", 5), (Sids{1, 3})) << "one byte of it is fresh";
  EXPECT_EQ(scanned, 4u) << "with as many bytes before as it has at most";
  EXPECT_EQ(scan("..abcd.", 6), Sids{});
  EXPECT_EQ(scan("ABCD Xy"), Sids{2});
  EXPECT_EQ(scan("abcd", 4), Sids{});
  EXPECT_EQ(scanned, 0u);
}

TEST_F(PrefilterTest, APlaceIsKept) {
  build({{"ab", false, {{1, 4, 6}}}});
  EXPECT_EQ(filter.reach(), 6u);
  EXPECT_EQ(scan("ab"), Sids{});
  EXPECT_EQ(scan("..ab"), Sids{1});
  EXPECT_EQ(scan("....ab"), Sids{1});
  EXPECT_EQ(scan(".....ab"), Sids{});
  EXPECT_EQ(scan(".ab", 0, 1), Sids{1}) << "counted from the whole buffer's start";
  EXPECT_EQ(scan(std::string(1000, '.')), Sids{});
  EXPECT_EQ(scanned, 6u) << "nothing behind the last place";
  EXPECT_EQ(scan("ab", 0, 6), Sids{});
  EXPECT_EQ(scanned, 0u);
}

TEST_F(PrefilterTest, OneWithoutAPlaceMakesItSearchEverything) {
  build({{"ab", false, {{1, 2, 2}, {2, 0, 0}}}});
  EXPECT_EQ(filter.reach(), 0u);
  EXPECT_EQ(scan("..ab"), Sids{2});
  EXPECT_EQ(scan("ab"), (Sids{1, 2}));
}

TEST(CandidatesTest, EachOnceWithAllItsMarks) {
  Candidates candidates(10);
  candidates.add(7, 1);
  candidates.add(2, 1);
  candidates.add(7, 2);
  const auto sorted = candidates.sorted();
  EXPECT_EQ(Sids(sorted.begin(), sorted.end()), (Sids{2, 7}));
  EXPECT_EQ(candidates.marks(7), 3);
  candidates.clear();
  EXPECT_TRUE(candidates.empty());
  EXPECT_EQ(candidates.marks(7), 0);
}

// ---- which content ----

FastPattern payload(std::string_view options) {
  return payload_pattern(with(options)).value_or(FastPattern{});
}
FastPattern buffer(std::string_view options) {
  return buffer_pattern(with(options, "alert dns any any -> any any")).value_or(FastPattern{});
}

TEST(FastPatternTest, TheOneThatSaysMost) {
  EXPECT_EQ(payload("content:\"aaaa\"; content:\"|01 02 03|x\"; content:!\"never this one\";").bytes,
            std::string("\x01\x02\x03x"));
  EXPECT_EQ(payload("content:\"ab\"; fast_pattern; content:\"much longer\";").bytes, "ab");
  EXPECT_EQ(payload("content:\"MiXed\"; nocase;").bytes, "mixed");
  EXPECT_EQ(payload("content:\"0123456789\"; fast_pattern:2,3;").bytes, "234");
  EXPECT_FALSE(payload_pattern(with("content:!\"x\"; pcre:\"/y/\";")));
  EXPECT_FALSE(payload_pattern(with("http.uri; content:\"x\";")));
}

TEST(FastPatternTest, NotWhatStandsInMostExchanges) {
  const auto http = [](std::string_view options) {
    return buffer_pattern(with(options, "alert http any any -> any any")).value_or(FastPattern{});
  };
  EXPECT_EQ(http("http.method; content:\"PROPFIND\"; http.uri; content:\"/x\";").bytes, "/x");
  EXPECT_EQ(http("http.header; content:\"Accept|3a| */*|0d 0a|\"; fast_pattern; content:\"X-Evil|3a|\";").bytes,
            "X-Evil:");
  EXPECT_EQ(http("http.method; content:\"POST\";").bytes, "POST") << "better than nothing";
  EXPECT_EQ(payload("content:\"HTTP/1.1 200 OK|0d 0a|\"; content:\"MZ|90 00|\";").bytes.size(), 4u);
}

TEST(FastPatternTest, PlacesAreThoseOfThePartThatIsLookedFor) {
  FastPattern p = payload("content:\"abcdef\"; offset:4; depth:10;");
  EXPECT_EQ(p.low, 10u);
  EXPECT_EQ(p.high, 14u);
  p = payload("content:\"0123456789\"; depth:12; fast_pattern:2,3;");
  EXPECT_EQ(p.low, 5u);
  EXPECT_EQ(p.high, 7u) << "five more bytes of it follow";
  EXPECT_FALSE(payload("content:\"abcdef\"; offset:4;").placed());
  EXPECT_FALSE(payload("content:\"abcdef\"; depth:1000;").placed()) << "hardly a beginning";
  EXPECT_EQ(payload("content:\"GET \"; depth:4; content:\"very-special-words\";").bytes,
            "very-special-words");
  EXPECT_EQ(payload("content:\"GET /index\"; depth:10; content:\"index.html\";").bytes, "GET /index");
}

TEST(FastPatternTest, SeesThroughTransformsThatKeepTheContent) {
  const FastPattern p = buffer("dns.query; dotprefix; content:\".evil.example\"; endswith;");
  EXPECT_EQ(p.bytes, "evil.example");
  EXPECT_FALSE(p.nocase);
  EXPECT_EQ(buffer("dns.query; dotprefix; content:\"vil.example\";").bytes, "vil.example");
  EXPECT_TRUE(buffer("dns.query; to_lowercase; content:\"evil\";").nocase);
  EXPECT_EQ(buffer("dns.query; to_uppercase; content:\"EVIL\";").bytes, "evil");
  EXPECT_EQ(buffer("dns.query; dotprefix; to_lowercase; content:\".evil\";").bytes, "evil");
  EXPECT_EQ(buffer("dns.query; dotprefix; content:\".\";").bytes, "") << "nothing is left of it";
  EXPECT_EQ(buffer("dns.query; url_decode; content:\"evil\";").bytes, "");
  EXPECT_EQ(buffer("dns.query; to_md5; content:\"|01 02 03|\";").bytes, "");
}

TEST(FastPatternTest, ATransformedBufferIsFoundByIt) {
  Detection d(
      "alert dns any any -> any any (dns.query; dotprefix; content:\".evil.example\"; endswith; sid:1;)\n"
      "alert dns any any -> any any (dns.query; to_lowercase; content:\"shout\"; sid:2;)");
  d.protocol = IPPROTO_UDP;
  d.flow.app = AppProtocol::Dns;
  const auto query = [&](const char* name, uint32_t number) {
    Exchange e(number);
    e.transaction.protocol = AppProtocol::Dns;
    d.begin(kClient, "x");
    e.set(Buffer::DnsQuery, kClient, name);
    e.tell(d);
    return d.sids();
  };
  EXPECT_EQ(query("evil.example", 0), Sids{1});
  EXPECT_EQ(query("www.evil.example", 1), Sids{1});
  EXPECT_EQ(query("devil.example", 2), Sids{});
  EXPECT_EQ(query("SHOUT.example", 3), Sids{2});
  EXPECT_EQ(d.counters.candidates, 4u) << "asked of no other query";
}

}  // namespace
}  // namespace sluice::rules

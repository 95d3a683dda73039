// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/transform.h"

#include <string>
#include <string_view>
#include <vector>

#include "rule_items.h"

namespace sluice::rules {
namespace {

using enum RuleTransform;

std::string of(RuleTransform kind, std::string_view in, size_t room = 256) {
  std::vector<uint8_t> out(room);
  const std::vector<uint8_t> bytes(in.begin(), in.end());
  const size_t size = transform(kind, bytes, out);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[c & 15];
  }
  return out;
}

TEST(Transform, Texts) {
  struct {
    RuleTransform kind;
    std::string_view in, out;
  } const cases[] = {
      {Dotprefix, "example.com", ".example.com"},
      {Dotprefix, "", "."},
      {StripWhitespace, " a\t b\r\n\v\fc ", "abc"},
      {StripWhitespace, "window . navigate ( ", "window.navigate("},
      {StripWhitespace, "", ""},
      {CompressWhitespace, " A  B \t C\r\n\r\nD  ", " A B C\rD "},
      {CompressWhitespace, "nothing", "nothing"},
      {ToLower, "AbC[@`{Z\xc4", "abc[@`{z\xc4"},
      {ToUpper, "aBc[@`{z\xe4", "ABC[@`{Z\xe4"},
      {UrlDecode, "Sluice%20is+%27%61wesome%21%27%25%30%30%ZZ%4", "Sluice is 'awesome!'%00%ZZ%4"},
      {UrlDecode, "%", "%"},
      {UrlDecode, "%4", "%4"},
      {UrlDecode, "%%41", "%A"},
      {UrlDecode, "%c3%A9", "\xc3\xa9"},
      {UrlDecode, "%2541", "%41"},
      {HeaderLowercase, "Host: Example.COM\r\nUser-AGENT: Curl: X\r\n\r\n",
       "host: Example.COM\r\nuser-agent: Curl: X\r\n\r\n"},
      {HeaderLowercase, "No-Colon\r\nHost: A", "no-colon\r\nhost: A"},
      {StripPseudoHeaders, ":method: GET\r\nhost: a\r\n:path: /\r\nx: :y\r\n",
       "host: a\r\nx: :y\r\n"},
      {StripPseudoHeaders, ":only", ""},
      {StripPseudoHeaders, "a\n:b", "a\n"},
      {StripPseudoHeaders, "", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(of(c.kind, c.in), c.out) << c.in;
}

TEST(Transform, Digests) {
  // RFC 1321 A.5, RFC 3174 7.3, FIPS 180-4's example.
  EXPECT_EQ(hex(of(ToMd5, "abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(of(ToSha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(of(ToSha256, "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(of(ToMd5, "")), "d41d8cd98f00b204e9800998ecf8427e");
}

TEST(Transform, StopsWhereTheRoomEnds) {
  EXPECT_EQ(of(Dotprefix, "abc", 3), ".ab");
  EXPECT_EQ(of(Dotprefix, "abc", 0), "");
  EXPECT_EQ(of(ToLower, "ABC", 2), "ab");
  EXPECT_EQ(of(StripPseudoHeaders, "abc\ndef", 5), "abc\nd");
  EXPECT_EQ(of(ToMd5, "abc", 15), "");
}

TEST(MatcherTransform, IsDoneBeforeTheFirstItem) {
  MatchScratch scratch;
  EXPECT_TRUE(
      holds(compiled({content(".example.com").endswith()}, {Dotprefix}), "example.com", scratch));
  EXPECT_TRUE(holds(compiled({content(".example.com").endswith()}, {Dotprefix}), "www.example.com",
                    scratch));
  EXPECT_FALSE(holds(compiled({content(".example.com").endswith()}, {Dotprefix}), "badexample.com",
                     scratch));
  EXPECT_TRUE(holds(compiled({content("window.navigate(")}, {StripWhitespace}),
                    "window .navigate\n(", scratch));
  EXPECT_TRUE(
      holds(compiled({bsize(4, 4), content("A B").offset(1)}, {UrlDecode, ToUpper, Dotprefix}),
            "a%20b", scratch))
      << "one after the other, and sizes are those of the result";
  const std::string digest = of(ToSha256, "GET / HTTP/1.1");
  EXPECT_TRUE(holds(compiled({content(digest)}, {CompressWhitespace, ToSha256}), "GET  /  HTTP/1.1",
                    scratch));
}

TEST(MatcherTransform, ADigestWaitsForTheWhole) {
  MatchScratch scratch;
  const BufferMatcher matcher = compiled({content(of(ToMd5, "abc")), bsize(16, 16)}, {ToMd5});
  BufferView view = whole("abc");
  EXPECT_TRUE(matcher.matches(view, scratch));
  view.complete = false;
  EXPECT_FALSE(matcher.matches(view, scratch));
  view.complete = true;
  view.offset = 1;
  EXPECT_FALSE(matcher.matches(view, scratch)) << "its beginning has been given up";
}

TEST(MatcherTransform, OfALongBufferTheFirst64KibCount) {
  MatchScratch scratch;
  std::string bytes(kMaxTransformBytes, 'a');
  EXPECT_TRUE(holds(compiled({bsize(65536, 65536)}, {ToUpper}), bytes, scratch));
  EXPECT_EQ(scratch.limits().transforms, 0u);
  bytes += "needle";
  EXPECT_FALSE(holds(compiled({content("NEEDLE")}, {ToUpper}), bytes, scratch));
  EXPECT_EQ(scratch.limits().transforms, 1u);
  const BufferMatcher digest = compiled({content(of(ToMd5, bytes))}, {ToMd5});
  EXPECT_TRUE(holds(digest, bytes, scratch)) << "a digest is over all of it";
  EXPECT_EQ(scratch.limits().transforms, 1u);
}

}  // namespace
}  // namespace sluice::rules

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#define PCRE2_CODE_UNIT_WIDTH 8
#include <gtest/gtest.h>
#include <pcre2.h>

#include "rule_parsing.h"

namespace sluice::rules {
namespace {

TEST(PcreKeyword, ExpressionAndOptions) {
  const RulePcre plain = item<RulePcre>(with(R"(pcre:"/a\/b\;"c/";)"));
  EXPECT_EQ(plain.expression, R"(a\/b\;"c)");
  EXPECT_EQ(plain.pcre2_options, 0u);
  EXPECT_FALSE(plain.negated || plain.relative);
  EXPECT_TRUE(item<RulePcre>(with(R"(pcre:!"/a/";)")).negated);
  EXPECT_EQ(item<RulePcre>(with(R"(pcre:/a/i;)")).expression, "a");
  const RulePcre all = item<RulePcre>(with(R"(content:"x"; pcre:"/a/ismxAEGRBO";)"), 1);
  EXPECT_TRUE(all.relative);
  EXPECT_EQ(all.pcre2_options, PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_MULTILINE | PCRE2_EXTENDED |
                                   PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_UNGREEDY);
}

TEST(PcreKeyword, BuffersByFlag) {
  static constexpr std::pair<char, Buffer> kFlags[] = {
      {'U', Buffer::HttpUri},         {'I', Buffer::HttpUriRaw},
      {'P', Buffer::HttpRequestBody}, {'Q', Buffer::FileData},
      {'H', Buffer::HttpHeader},      {'D', Buffer::HttpHeaderRaw},
      {'M', Buffer::HttpMethod},      {'C', Buffer::HttpCookie},
      {'S', Buffer::HttpStatusCode},  {'Y', Buffer::HttpStatusMessage},
      {'V', Buffer::HttpUserAgent},   {'W', Buffer::HttpHost},
      {'Z', Buffer::HttpHostRaw},
  };
  for (const auto& [flag, buffer] : kFlags) {
    const Rule rule = with(std::string("pcre:\"/a/i") + flag + "\";");
    ASSERT_EQ(rule.buffers.size(), 1u);
    EXPECT_EQ(rule.buffers[0].buffer, buffer) << flag;
  }
  EXPECT_EQ(with(R"(pcre:"/a/";)").buffers[0].buffer, Buffer::Payload);
  // The sticky buffer, and a flag that means the same.
  EXPECT_EQ(with(R"(http.uri; pcre:"/a/";)").buffers[0].buffer, Buffer::HttpUri);
  EXPECT_EQ(with(R"(http.uri; content:"b"; pcre:"/a/U";)").buffers[0].items.size(), 2u);
}

TEST(PcreKeyword, Refused) {
  static constexpr BadOptions kBad[] = {
      {R"(@pcre;)", "pcre", "nothing"},
      {R"(pcre:"@a";)", "pcre", "\"a\""},
      {R"(pcre:"@//";)", "pcre", "\"//\""},
      {R"(pcre:"@/a\/";)", "pcre", R"("/a\/")"},
      {R"(pcre:"/a/@q";)", "pcre", "flag \"q\""},
      {R"(pcre:"/a/U@H";)", "pcre", "a second flag for a buffer"},
      {R"(file_data; pcre:"/a/@iU";)", "pcre", "a sticky buffer that is still in force"},
      {R"(pcre:"/a(@/";)", "pcre", "missing closing parenthesis"},
      {R"(pcre:"/(a)\@2/";)", "pcre", "reference to non-existent subpattern"},
      {R"(pcre:"/(*UTF)@a/";)", "pcre", "using UTF is disabled"},
      {R"(pcre:"/(a)/@,flow:x";)", "pcre", "a variable", RefusalKind::Unsupported},
  };
  expect_refused(kBad);
}

}  // namespace
}  // namespace sluice::rules

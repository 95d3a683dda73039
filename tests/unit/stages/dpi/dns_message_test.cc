// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dns_message.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/unit/stages/dpi/wire_samples.h"

namespace sluice::test {
namespace {

bool parse(const std::string& text, DnsMessage& message) {
  const auto exact = std::make_unique<uint8_t[]>(text.size());
  std::copy(text.begin(), text.end(), exact.get());
  return parse_dns_message({exact.get(), text.size()}, message);
}

TEST(DnsMessage, ReadsTheFirstQuestion) {
  DnsMessage message;
  ASSERT_TRUE(parse(dns_query({"www", "Example", "com"}, 28), message));
  EXPECT_EQ(message.query_name(), "www.Example.com");
  EXPECT_EQ(dns_type_name(message.type), "AAAA");
  EXPECT_EQ(message.id, 0x1234);
  EXPECT_FALSE(message.response);
}

TEST(DnsMessage, TellsResponsesFromQueries) {
  DnsMessage message;
  ASSERT_TRUE(parse(dns_query({"a"}, 1, 0x8183), message));
  EXPECT_TRUE(message.response);
  EXPECT_EQ(message.rcode, 3);
}

TEST(DnsMessage, ReadsTheRoot) {
  DnsMessage message;
  ASSERT_TRUE(parse(dns_query({}, 2), message));
  EXPECT_EQ(message.query_name(), "");
}

TEST(DnsMessage, HoldsTheLongestName) {
  const std::string label(63, 'x');
  DnsMessage message;
  ASSERT_TRUE(parse(dns_query({label, label, label, std::string(61, 'y')}), message));
  EXPECT_EQ(message.query_name().size(), 253u);
  EXPECT_FALSE(parse(dns_query({label, label, label, std::string(62, 'y')}), message));
  EXPECT_FALSE(parse(dns_query({label, label, label, label, label}), message));
}

TEST(DnsMessage, RefusesWhatCutsOffOrPointsElsewhere) {
  const std::string good = dns_query({"www", "example", "com"});
  DnsMessage message;
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(parse(good.substr(0, length), message)) << length;
  }
  std::string no_question = good;
  no_question[5] = 0;
  EXPECT_FALSE(parse(no_question, message));
  std::string pointer = good;
  pointer[12] = static_cast<char>(0xc0);
  EXPECT_FALSE(parse(pointer, message));
  std::string old_label = good;
  old_label[12] = 0x40;
  EXPECT_FALSE(parse(old_label, message));
}

}  // namespace
}  // namespace sluice::test

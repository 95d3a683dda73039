// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/console.h"

#include <cmdline.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sluice {
namespace {

using Words = std::vector<std::string>;

// A console whose commands remember the words that they were given.
class ConsoleTest : public testing::Test {
 protected:
  ConsoleTest() {
    const auto remember = [this](const Words& words) -> CommandOutcome {
      words_ = words;
      return CommandResult::done("ok\n");
    };
    console_ = std::make_unique<Console>(std::vector<Command>{
        {"show port info|stats <port>", "a port", remember, {"all", "lan", "wan"}},
        {"show flows", "flows", remember, {}},
        {"show flows [filters]", "some flows", remember, {"proto", "host"}},
        {"stop", "stop", remember, {}}});
    line_ = cmdline_new(console_->context(), "", -1, -1);
  }
  ~ConsoleTest() override { cmdline_free(line_); }

  // Null if the line was not understood.
  std::optional<CommandOutcome> run(const std::string& line) {
    words_.clear();
    status_ = cmdline_parse(line_, (line + '\n').c_str());
    return console_->take_outcome();
  }
  // What Tab would offer behind `line`.
  Words completions(const std::string& line) {
    Words out;
    int state = -1;
    char text[512];
    while (cmdline_complete(line_, line.c_str(), &state, text, sizeof text) > 0) {
      const std::string word(text);
      out.push_back(word.substr(0, word.find(' ')));
      if (out.size() > 100) break;
    }
    return out;
  }

  Words words_;
  int status_ = 0;
  std::unique_ptr<Console> console_;
  cmdline* line_ = nullptr;
};

TEST_F(ConsoleTest, RunsACommandWithItsWords) {
  ASSERT_TRUE(run("show port stats wan"));
  EXPECT_EQ(words_, (Words{"show", "port", "stats", "wan"}));
}

TEST_F(ConsoleTest, TakesOnlyTheChoicesOfAWord) {
  EXPECT_FALSE(run("show port colour wan"));
  EXPECT_EQ(status_, CMDLINE_PARSE_BAD_ARGS);
  EXPECT_FALSE(run("show port stats elsewhere"));
  EXPECT_FALSE(run("show port stats wa"));
}

TEST_F(ConsoleTest, KnowsNoOtherCommand) {
  EXPECT_FALSE(run("frobnicate"));
  EXPECT_EQ(status_, CMDLINE_PARSE_NOMATCH);
  EXPECT_FALSE(run("stop it"));
}

TEST_F(ConsoleTest, SplitsTheRestOfALine) {
  ASSERT_TRUE(run("show flows"));
  EXPECT_EQ(words_, (Words{"show", "flows"}));
  ASSERT_TRUE(run("show flows proto tcp  host 192.0.2.0/24 "));
  EXPECT_EQ(words_, (Words{"show", "flows", "proto", "tcp", "host", "192.0.2.0/24"}));
}

TEST_F(ConsoleTest, IgnoresWhatFollowsAHash) {
  ASSERT_TRUE(run("stop # now"));
  EXPECT_EQ(words_, (Words{"stop"}));
}

TEST_F(ConsoleTest, CompletesPortsAndFilters) {
  EXPECT_EQ(completions("show port stats "), (Words{"all", "lan", "wan"}));
  EXPECT_EQ(completions("show port stats w"), (Words{"wan"}));
  const Words filters = completions("show flows proto tcp ");
  EXPECT_EQ(filters, (Words{"proto", "host"}));
}

TEST_F(ConsoleTest, ShowsEachSyntaxOnce) {
  EXPECT_EQ(completions("show "), (Words{"port", "flows", "flows"}));  // with and without filters
  EXPECT_EQ(completions("s"), (Words{"show", "show", "show", "stop"}));
}

TEST_F(ConsoleTest, HelpsWithOneCommandOrAll) {
  auto all = run("help");
  ASSERT_TRUE(all && all->result);
  EXPECT_NE(all->result->text.find("show flows [filters]"), std::string::npos);
  EXPECT_NE(all->result->text.find("quit"), std::string::npos);
  auto one = run("help stop");
  ASSERT_TRUE(one && one->result);
  EXPECT_EQ(one->result->text.find("show"), std::string::npos);
  auto none = run("help nonsense");
  ASSERT_TRUE(none && none->result);
  EXPECT_EQ(none->result->status, CommandStatus::Failed);
}

TEST_F(ConsoleTest, SurvivesWordsThatAreTooLong) {
  EXPECT_FALSE(run("show port stats " + std::string(300, 'x')));
  EXPECT_TRUE(run("show flows " + std::string(300, 'x')));
  EXPECT_FALSE(run(std::string(480, 's')));
}

}  // namespace
}  // namespace sluice

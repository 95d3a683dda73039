// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/session.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "app/console.h"

namespace sluice {
namespace {

// A session with the test as its client.
class SessionTest : public testing::Test {
 protected:
  SessionTest()
      : console_({{"yes",
                   "works",
                   [](const auto&) -> CommandOutcome { return CommandResult::done("worked\n"); },
                   {}},
                  {"no",
                   "fails",
                   [](const auto&) -> CommandOutcome { return CommandResult::failed("did not\n"); },
                   {}},
                  {"later",
                   "takes time",
                   [this](const auto&) -> CommandOutcome {
                     return PendingResult([this]() -> std::optional<CommandResult> {
                       if (!ready_) return std::nullopt;
                       return CommandResult::done("at last\n");
                     });
                   },
                   {}},
                  {"flood",
                   "much text",
                   [](const auto&) -> CommandOutcome {
                     return CommandResult::done(std::string(1 << 20, 'x'));
                   },
                   {}}}) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    client_ = ends[0];
    session_ = std::make_unique<Session>(ends[1], console_);
  }
  ~SessionTest() override {
    session_.reset();
    close(client_);
  }

  void type(const std::string& bytes) {
    ASSERT_EQ(send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    turn();
  }
  void turn(uint64_t now_ms = 0) {
    for (int i = 0; i < 8 && !session_->finished(); ++i) {
      if (session_->wants_read()) session_->readable();
      session_->turn(now_ms);
    }
  }
  std::string seen() {
    std::string out;
    char bytes[65536];
    for (;;) {
      const ssize_t n = recv(client_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (n <= 0) return out;
      out.append(bytes, static_cast<size_t>(n));
    }
  }
  // What the answer to one command ends with.
  static std::string trailer(char digit) { return std::string("\0", 1) + digit; }

  bool ready_ = false;
  Console console_;
  int client_ = -1;
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, AnswersOneCommandAndTellsHowItWent) {
  type(std::string(1, kTalkCommand) + "yes\n");
  EXPECT_EQ(seen(), "worked\n" + trailer('0'));
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionTest, TellsFailureFromMisunderstanding) {
  type(std::string(1, kTalkCommand) + "no\n");
  EXPECT_EQ(seen(), "did not\n" + trailer('1'));
}

TEST_F(SessionTest, DoesNotUnderstandOtherWords) {
  type(std::string(1, kTalkCommand) + "perhaps\n");
  const std::string answer = seen();
  EXPECT_TRUE(answer.ends_with(trailer('2'))) << answer;
  EXPECT_NE(answer.find("perhaps"), std::string::npos);
}

TEST_F(SessionTest, RefusesALineThatIsTooLong) {
  type(std::string(1, kTalkCommand) + std::string(Session::kMaxLine + 10, 'a'));
  EXPECT_TRUE(seen().ends_with(trailer('2')));
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionTest, WaitsForAPendingAnswerWithoutReadingOn) {
  type(std::string(1, kTalkCommand) + "later\n");
  EXPECT_EQ(seen(), "");
  EXPECT_FALSE(session_->wants_read());
  ready_ = true;
  turn();
  EXPECT_EQ(seen(), "at last\n" + trailer('0'));
}

TEST_F(SessionTest, ShowsATerminalPromptEchoAndAnswerInOrder) {
  type(std::string(1, kTalkTerminal));
  EXPECT_EQ(seen(), "sluice> ");
  type("yes\n");
  const std::string text = seen();
  const size_t echo = text.find("yes"), answer = text.find("worked\n");
  ASSERT_NE(echo, std::string::npos) << text;
  ASSERT_NE(answer, std::string::npos) << text;
  EXPECT_LT(echo, answer);
  EXPECT_TRUE(text.ends_with("worked\nsluice> ")) << text;
}

TEST_F(SessionTest, KeepsWhatWasTypedAheadOfAPendingAnswer) {
  type(std::string(1, kTalkTerminal) + "later\nyes\n");
  EXPECT_EQ(seen().find("worked"), std::string::npos);
  ready_ = true;
  turn();
  const std::string text = seen();
  EXPECT_LT(text.find("at last"), text.find("worked")) << text;
}

TEST_F(SessionTest, CompletesAWord) {
  type(std::string(1, kTalkTerminal) + "ye\t\n");
  EXPECT_NE(seen().find("worked"), std::string::npos);
}

TEST_F(SessionTest, EndsByQuitAndByEndOfInput) {
  type(std::string(1, kTalkTerminal) + "quit\n");
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(seen().back(), '\0') << "the client is not told that it asked for the end";
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  session_ = std::make_unique<Session>(ends[1], console_);
  close(client_);
  client_ = ends[0];
  type(std::string(1, kTalkTerminal) + "\x04");
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(seen().back(), '\0');
}

TEST_F(SessionTest, IsATerminalToWhoeverJustTypes) {
  type("yes\n");
  EXPECT_NE(seen().find("worked"), std::string::npos);
}

TEST_F(SessionTest, CutsOffAClientThatTakesNothing) {
  type(std::string(1, kTalkTerminal) + "flood\n");
  ASSERT_TRUE(session_->wants_write());
  session_->turn(Session::kSlowClientMs / 2);
  EXPECT_FALSE(session_->finished());
  session_->turn(Session::kSlowClientMs + 1);
  EXPECT_TRUE(session_->finished());
  EXPECT_NE(seen().back(), '\0');
}

TEST_F(SessionTest, CutsOffAClientThatAsksForMoreThanItReads) {
  std::string flood(1, kTalkTerminal);
  for (size_t i = 0; i <= Session::kMaxOutput >> 20; ++i) flood += "flood\n";
  type(flood);
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionTest, SurvivesRandomBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    Session session(ends[1], console_);
    std::string bytes;
    for (int i = 0; i < 400; ++i) {
      // Often what a line editor reacts to: control keys, escape sequences, words.
      static const std::vector<std::string> kKeys = {
          "yes",  "help ", "\t",   "?",    "\n",   "\x1b[A", "\x1b[B", "\x1b[D",
          "\x01", "\x05",  "\x0b", "\x19", "\x7f", "\x17",   "\x03",   "\x0c"};
      if (random() % 3 == 0) {
        bytes += static_cast<char>(random());
      } else {
        bytes += kKeys[random() % kKeys.size()];
      }
    }
    send(ends[0], bytes.data(), bytes.size(), MSG_NOSIGNAL);
    for (int i = 0; i < 20 && !session.finished(); ++i) {
      if (session.wants_read()) session.readable();
      session.turn(0);
      char sink[65536];
      while (recv(ends[0], sink, sizeof sink, MSG_DONTWAIT) > 0) {
      }
    }
    close(ends[0]);
  }
}

}  // namespace
}  // namespace sluice

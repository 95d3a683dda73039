// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/eve_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "app/eve_stats.h"

namespace sluice {
namespace {

class EveLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_path_ =
        std::filesystem::temp_directory_path() / ("sluice-eve-test-" + std::to_string(getpid()));
    std::filesystem::create_directory(directory_path_);
    file_ = directory_path_ / "eve.json";
    auto names = std::make_shared<EveNames>();
    names->directory = &directory_;
    names->reasons = &reasons_;
    names_ = std::move(names);
  }
  void TearDown() override { std::filesystem::remove_all(directory_path_); }

  EveLogOptions options(std::vector<std::string> types = {}) const {
    EveLogOptions options;
    options.file = file_.string();
    options.types = std::move(types);
    return options;
  }

  void publish(EventType type) {
    Event* event = queue_.allocate(type);
    ASSERT_NE(event, nullptr);
    queue_.publish(event);
  }

  static std::vector<std::string> types_in(const std::filesystem::path& path) {
    std::vector<std::string> types;
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
      types.push_back(nlohmann::json::parse(line)["event_type"]);
    }
    return types;
  }

  static bool soon(const std::function<bool()>& condition) {
    for (unsigned i = 0; i < 5'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  Directory directory_;
  ReasonTable reasons_{std::vector<const StageType*>{}};
  EventQueue queue_{"eve_log_test", 64, 64, -1};
  std::shared_ptr<const EveNames> names_;
  std::filesystem::path directory_path_, file_;
};

using Types = std::vector<std::string>;

TEST_F(EveLogTest, WritesEverythingThatWasPublishedBeforeItStopped) {
  EveLog log(options(), {&queue_}, names_);
  log.start();
  for (unsigned i = 0; i < 50; ++i) publish(EventType::Flow);
  log.stop();
  EXPECT_EQ(types_in(file_).size(), 50u);
  EXPECT_EQ(log.lines(), 50u);
  EXPECT_EQ(log.failed_lines(), 0u);
}

TEST_F(EveLogTest, GivesEveryRecordBack) {
  EveLog log(options(), {&queue_}, names_);
  for (unsigned i = 0; i < 64; ++i) publish(EventType::Flow);
  EXPECT_EQ(queue_.allocate(EventType::Flow), nullptr);
  log.start();
  log.stop();
  for (unsigned i = 0; i < 64; ++i) EXPECT_NE(queue_.allocate(EventType::Flow), nullptr);
}

TEST_F(EveLogTest, WritesOnlyTheTypesAskedFor) {
  EveLog log(options({"alert", "tls"}), {&queue_}, names_);
  for (const EventType type : {EventType::Flow, EventType::Tls, EventType::Alert, EventType::Dns}) {
    publish(type);
  }
  EXPECT_FALSE(log.wants("stats"));
  log.write_line("stats", "{\"event_type\":\"stats\"}\n");
  log.start();
  log.stop();
  EXPECT_EQ(types_in(file_), (Types{"alert", "tls"}));
}

TEST_F(EveLogTest, WritesLinesOfStatistics) {
  EveLog log(options(), {&queue_}, names_);
  log.start();
  log.write_line("stats", "{\"event_type\":\"stats\"}\n");
  log.stop();
  EXPECT_EQ(types_in(file_), (Types{"stats"}));
}

// Each of the words that a filter may name lets through what it names, and no more.
TEST_F(EveLogTest, WritesEachTypeThatIsAskedForAlone) {
  for (const std::string_view only : eve_event_types()) {
    std::filesystem::remove(file_);
    EveLog log(options({std::string(only)}), {&queue_}, names_);
    log.start();
    for (const std::string_view type : {"stats", "port"}) {
      EXPECT_EQ(log.wants(type), type == only) << only;
      log.write_line(type, "{\"event_type\":\"" + std::string(type) + "\"}\n");
    }
    log.stop();
    EXPECT_EQ(types_in(file_),
              only == "stats" || only == "port" ? Types{std::string(only)} : Types{})
        << only;
  }
}

TEST(EvePortLine, SaysWhatBecameOfAPort) {
  EXPECT_EQ(
      eve_port_line(
          1'500'000'000,
          {.port = "lan", .device = "0000:01:10.0", .what = "failed", .detail = "it \"says\" no"}),
      "{\"timestamp\":\"1970-01-01T00:00:01.500000+0000\",\"event_type\":\"port\",\"in_iface\":"
      "\"lan\","
      "\"port\":{\"device\":\"0000:01:10.0\",\"change\":\"failed\",\"detail\":\"it \\\"says\\\" "
      "no\"}}\n");
}

TEST_F(EveLogTest, AppendsToOrReplacesAnOlderFile) {
  std::ofstream(file_) << "{\"event_type\":\"older\"}\n";
  {
    EveLog log(options(), {&queue_}, names_);
    log.start();
    publish(EventType::Flow);
  }
  EXPECT_EQ(types_in(file_), (Types{"older", "flow"}));
  EveLogOptions replace = options();
  replace.append = false;
  EveLog log(replace, {&queue_}, names_);
  EXPECT_EQ(types_in(file_), Types{});
}

TEST_F(EveLogTest, OpensItsFileAnewForRotation) {
  EveLog log(options(), {&queue_}, names_);
  log.start();
  publish(EventType::Flow);
  ASSERT_TRUE(soon([&] { return log.lines() == 1; }));
  const auto rotated = directory_path_ / "eve.json.1";
  std::filesystem::rename(file_, rotated);
  log.request_reopen();
  ASSERT_TRUE(soon([&] { return std::filesystem::exists(file_); }));
  publish(EventType::Tls);
  log.stop();
  EXPECT_EQ(types_in(rotated), (Types{"flow"}));
  EXPECT_EQ(types_in(file_), (Types{"tls"}));
}

TEST_F(EveLogTest, CountsWhatTheDiskDoesNotTake) {
  EveLogOptions full;
  full.file = "/dev/full";
  EveLog log(full, {&queue_}, names_);
  log.start();
  publish(EventType::Flow);
  log.stop();
  EXPECT_EQ(log.lines(), 0u);
  EXPECT_EQ(log.failed_lines(), 1u);
  EXPECT_NE(log.last_error().find("/dev/full"), std::string::npos);
}

TEST_F(EveLogTest, GoesOnWithTheOldFileUntilTheNewOneCanBeOpened) {
  EveLog log(options(), {&queue_}, names_);
  log.start();
  const auto elsewhere = std::filesystem::path(directory_path_.string() + "-elsewhere");
  std::filesystem::rename(directory_path_, elsewhere);
  log.request_reopen();
  ASSERT_TRUE(soon([&] { return log.open_failed(); }));
  EXPECT_NE(log.last_error().find(file_.string()), std::string::npos);
  publish(EventType::Flow);
  ASSERT_TRUE(soon([&] { return log.lines() == 1; }));
  std::filesystem::create_directory(directory_path_);
  ASSERT_TRUE(soon([&] { return !log.open_failed(); })) << "the open was not tried again";
  publish(EventType::Tls);
  log.stop();
  EXPECT_EQ(types_in(elsewhere / "eve.json"), (Types{"flow"}));
  EXPECT_EQ(types_in(file_), (Types{"tls"}));
  EXPECT_EQ(log.failed_lines(), 0u);
  std::filesystem::remove_all(elsewhere);
}

TEST_F(EveLogTest, ALineCutByAFullDiskSpoilsNoOther) {
  EveLog log(options(), {&queue_}, names_);
  log.start();
  publish(EventType::Flow);
  ASSERT_TRUE(soon([&] { return log.lines() == 1; }));
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlim_t room = std::filesystem::file_size(file_) + 10;
  const rlimit small{room, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  publish(EventType::Flow);
  EXPECT_TRUE(soon([&] { return log.failed_lines() == 1; }));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  publish(EventType::Tls);
  log.stop();
  EXPECT_EQ(log.lines(), 2u);
  std::ifstream in(file_);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1].size(), 10u);
  EXPECT_EQ(nlohmann::json::parse(lines[2])["event_type"], "tls");
}

TEST_F(EveLogTest, RefusesAFileThatCannotBeOpened) {
  EveLogOptions impossible;
  impossible.file = "/nonexistent/eve.json";
  EXPECT_THROW(EveLog(impossible, {&queue_}, names_), std::runtime_error);
}

TEST_F(EveLogTest, ShowsEveryEventToItsObserverEvenWithoutAFile) {
  struct Counter final : EventObserver {
    void observe(const Event& event, EveFormatter&) override { ++seen[event.type]; }
    std::map<EventType, unsigned> seen;
  } counter;
  EveLog log({}, {&queue_}, names_, &counter);
  publish(EventType::Flow);
  publish(EventType::Alert);
  publish(EventType::Flow);
  log.start();
  log.stop();
  EXPECT_EQ(counter.seen[EventType::Flow], 2u);
  EXPECT_EQ(counter.seen[EventType::Alert], 1u);
  EXPECT_EQ(log.lines(), 0u);
}

}  // namespace
}  // namespace sluice

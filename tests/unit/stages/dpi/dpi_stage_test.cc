// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dpi_stage.h"

#include "tests/unit/stages/dpi/dpi_fixture.h"

namespace sluice::test {
namespace {

class DpiStageTest : public DpiTest {};

INSTANTIATE_TEST_SUITE_P(Families, DpiStageTest, kDpiFamilies,
                         [](const auto& info) { return info.param.name; });

constexpr std::string_view kRequest =
    "GET /index.html HTTP/1.1\r\nHost: WWW.Example.COM\r\nUser-Agent: test/1\r\n\r\n";
constexpr std::string_view kUndecided = "\x01\x02\x03\x04zzzz";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok";

TEST_P(DpiStageTest, NamesHttpAndSettlesTheFlow) {
  events->enabled = false;  // else the connection's later requests are told of, too
  install();
  auto flow = open(from_client());
  handshake(*flow);
  EXPECT_EQ(flow->context().app_progress, AppProgress::Inspecting);
  EXPECT_FALSE(settled(*flow));
  const uint8_t before = flow->stage(0).revision;
  send(*flow, from_client().payload(kRequest));
  EXPECT_EQ(app(*flow), "HTTP");
  EXPECT_EQ(host(*flow), "www.example.com");
  EXPECT_NE(flow->stage(0).revision, before) << "firewall has to judge again";
  send(*flow, from_server().payload(kResponse));
  EXPECT_EQ(flow->context().app_progress, AppProgress::Final);
  EXPECT_EQ(master(*flow), "HTTP");
  EXPECT_TRUE(settled(*flow));
  EXPECT_EQ(dpi_part().pool.in_use(), 0u) << "memory is given back at the verdict";
  EXPECT_EQ(part->references(), 0u);
  EXPECT_EQ(counter("classified"), 1u);
  end(*flow);
  EXPECT_EQ(stage->host_memory().in_use(), 0u);
}

TEST_P(DpiStageTest, TellsAProtocolBeforeItsApplication) {
  install();
  server_port = 443;
  auto flow = open(from_client());
  handshake(*flow);
  send(*flow, from_client().payload(client_hello(server_name_extension("www.youtube.com"))));
  EXPECT_EQ(flow->context().app_progress, AppProgress::Partial);
  EXPECT_EQ(master(*flow), "TLS");
  EXPECT_EQ(app(*flow), "YouTube");
  EXPECT_EQ(host(*flow), "www.youtube.com");
  EXPECT_FALSE(settled(*flow));
  end(*flow);
  EXPECT_EQ(flow->context().app_progress, AppProgress::Final);
  EXPECT_EQ(app(*flow), "YouTube");
}

TEST_P(DpiStageTest, GivesUpBehindThePacketLimitWithAGuess) {
  install("[stage.dpi]\npackets_tcp = 5\npackets_udp = 3\n");
  server_port = 22;  // what the port says, against what the payload says
  auto flow = open(from_client());
  for (unsigned i = 0; i < 5; ++i) send(*flow, from_client().payload(kUndecided));
  EXPECT_FALSE(settled(*flow));
  send(*flow, from_client().payload(kUndecided));
  EXPECT_TRUE(settled(*flow));
  EXPECT_EQ(app(*flow), "SSH");
  EXPECT_EQ(counter("guessed"), 1u);
  EXPECT_EQ(counter("given_up"), 1u);

  server_port = 9;
  auto other = open(datagram());
  for (unsigned i = 0; i < 4; ++i) send(*other, datagram().payload("\x81zzzzzzz"));
  EXPECT_TRUE(settled(*other));
  EXPECT_EQ(other->context().app, 0);
  EXPECT_EQ(counter("unknown"), 1u);
}

TEST_P(DpiStageTest, DoesNotGuessWhereToldNotTo) {
  install("[stage.dpi]\npackets_tcp = 2\nguess = false\n");
  server_port = 22;
  auto flow = open(from_client());
  for (unsigned i = 0; i < 3; ++i) send(*flow, from_client().payload(kUndecided));
  EXPECT_TRUE(settled(*flow));
  EXPECT_EQ(flow->context().app, 0);
  EXPECT_EQ(counter("guessed"), 0u);
}

TEST_P(DpiStageTest, GivesUpAtTheEndOfAnUndecidedFlow) {
  install();
  server_port = 22;
  auto flow = open(from_client());
  send(*flow, from_client().flags(kTcpSyn).seq(0));
  EXPECT_EQ(part->references(), 2u) << "nDPI's state and the session";
  end(*flow);
  EXPECT_EQ(part->references(), 0u);
  EXPECT_EQ(app(*flow), "SSH");
  EXPECT_EQ(flow->context().app_progress, AppProgress::Final);
  EXPECT_EQ(dpi_part().arena.in_use(), 0u);
}

TEST_P(DpiStageTest, LooksNeitherAtIcmpErrorsNorBehindTheDatagram) {
  install();
  auto flow = open(from_client());
  send(*flow, from_client().payload(kRequest), kMetaIcmpError);
  EXPECT_EQ(counter("packets"), 0u);
  EXPECT_EQ(flow->context().app_progress, AppProgress::None);
  const auto syn = from_client().flags(kTcpSyn).seq(0);
  send(*flow, PacketBuilder(syn).pad_to(512));
  EXPECT_EQ(counter("bytes"), syn.ip_bytes().size());
  end(*flow);
}

TEST_P(DpiStageTest, LetsGoOfHalfOpenFlowsWhenItNeedsRoom) {
  install();
  std::vector<FlowPtr> flows;
  for (unsigned i = 0; i < 64; ++i) {
    flows.push_back(open(from_client()));
    send(*flows.back(), from_client().flags(kTcpSyn).seq(0));
  }
  auto late = open(from_client());
  send(*late, from_client().payload(kRequest));
  EXPECT_EQ(app(*late), "HTTP");
  EXPECT_EQ(counter("evicted"), 1u);
  EXPECT_EQ(counter("overload_bypassed"), 0u);
  // The oldest had to go; it loses nothing by it, and takes the next one's place.
  EXPECT_EQ(flows[0]->context().app_progress, AppProgress::Inspecting);
  send(*flows[0], from_client().payload(kRequest));
  EXPECT_EQ(app(*flows[0]), "HTTP");
  for (auto& flow : flows) end(*flow);
  end(*late);
  EXPECT_EQ(part->references(), 0u);
}

TEST_P(DpiStageTest, DecidesWhatItHasANameForWhenItNeedsRoom) {
  install();
  std::vector<FlowPtr> flows;
  for (unsigned i = 0; i < 64; ++i) {
    flows.push_back(open(from_client()));
    send(*flows.back(), from_client().payload(i == 5 ? kRequest : kUndecided));
  }
  auto late = open(from_client());
  send(*late, from_client().payload(kRequest));
  EXPECT_EQ(flows[5]->context().app_progress, AppProgress::Final);
  EXPECT_EQ(app(*flows[5]), "HTTP");
  EXPECT_EQ(app(*late), "HTTP");
  for (auto& flow : flows) end(*flow);
  end(*late);
  EXPECT_EQ(part->references(), 0u);
}

TEST_P(DpiStageTest, GivesUpTheOldestUndecidedFlowWhenItNeedsRoom) {
  for (const char* mode : {"bypass", "drop"}) {
    install(std::string("[stage.dpi]\nmax_flows = 64\narena_mb = 4\non_overload = \"") + mode +
            "\"\n");
    std::vector<FlowPtr> flows;
    for (unsigned i = 0; i < 200; ++i) {
      flows.push_back(open(from_client()));
      EXPECT_TRUE(send(*flows.back(), from_client().payload(kUndecided)));
    }
    EXPECT_EQ(flows[135]->context().app_progress, AppProgress::Final);
    EXPECT_EQ(app(*flows[135]), "HTTP") << "nDPI's give-up: by its port";
    EXPECT_EQ(flows[136]->context().app_progress, AppProgress::Inspecting);
    auto late = open(from_client());
    EXPECT_TRUE(send(*late, from_client().payload(kRequest)));
    EXPECT_EQ(app(*late), "HTTP");
    EXPECT_EQ(host(*late), "www.example.com") << "the flood costs others nothing";
    for (auto& flow : flows) end(*flow);
    end(*late);
    EXPECT_EQ(dpi_part().pool.in_use(), 0u);
  }
  EXPECT_EQ(counter("evicted"), 2 * 137u);
  EXPECT_EQ(counter("overload_bypassed") + counter("overload_dropped"), 0u);
}

TEST_P(DpiStageTest, StartsNothingOnAnArenaWithoutReserve) {
  for (const char* mode : {"bypass", "drop"}) {
    install(std::string("[stage.dpi]\narena_mb = 4\non_overload = \"") + mode + "\"\n");
    const bool drops = std::string_view(mode) == "drop";
    auto before = open(from_client());
    send(*before, from_client().payload(kUndecided));
    std::vector<void*> blocks;
    while (void* block = dpi_part().arena.allocate(1000)) blocks.push_back(block);

    // A flow under inspection gives its memory back.
    EXPECT_EQ(send(*before, from_client().payload(kRequest)), !drops);
    EXPECT_EQ(dpi_part().pool.in_use(), 0u);
    auto flow = open(from_client());
    EXPECT_EQ(send(*flow, from_client().payload(kRequest)), !drops);
    EXPECT_EQ(flow->context().app_progress, drops ? AppProgress::None : AppProgress::Final);
    if (drops) {
      EXPECT_EQ(kDpiStage.drop_reasons[last_reason - kFirstReason].name, "overload");
    }

    for (void* block : blocks) arena_free(block);
    EXPECT_TRUE(send(*before, from_client().payload(kRequest)));
    if (drops) {
      EXPECT_EQ(app(*before), "HTTP") << "what was dropped is looked at again";
    }
    end(*before);
    end(*flow);
  }
  EXPECT_EQ(counter("arena_exhausted"), 2u);
}

TEST_P(DpiStageTest, GivesUpAFlowWhosePacketCostsTooMuch) {
  install("[stage.dpi]\nmax_cycles = 1\n");
  auto flow = open(from_client());
  send(*flow, from_client().flags(kTcpSyn).seq(0));
  EXPECT_EQ(counter("cycles_exceeded"), 1u);
  EXPECT_TRUE(settled(*flow));
  EXPECT_EQ(app(*flow), "HTTP") << "by its port";
}

TEST_P(DpiStageTest, FinishesWithThePartThatItBeganWith) {
  events->enabled = false;  // else the connection's later requests are told of, too
  install();
  auto flow = open(from_client());
  handshake(*flow);
  install();
  EXPECT_EQ(old_part->references(), 2u);
  send(*flow, from_client().payload(kRequest));
  EXPECT_EQ(static_cast<DpiPart&>(*old_part).pool.in_use(), 1u);
  EXPECT_EQ(dpi_part().pool.in_use(), 0u);
  send(*flow, from_server().payload(kResponse));
  EXPECT_EQ(app(*flow), "HTTP");
  EXPECT_EQ(old_part->references(), 0u);
}

TEST_P(DpiStageTest, LetsGoOfNdpisStateInAnOldPartThatIsUsedUp) {
  install("[stage.dpi]\narena_mb = 4\non_overload = \"drop\"\n");
  auto flow = open(from_client());
  send(*flow, from_client().payload(kUndecided));
  std::vector<void*> blocks;
  while (dpi_part().arena.has_reserve()) blocks.push_back(dpi_part().arena.allocate(900000));
  install();
  EXPECT_FALSE(send(*flow, from_client().payload(kUndecided))) << "the old part's on_overload";
  EXPECT_EQ(old_part->references(), 1u) << "the session goes on";
  for (void* block : blocks) arena_free(block);
  end(*flow);
}

TEST_P(DpiStageTest, BeginsAnewWhereAnOldPartHasToGo) {
  install();
  std::vector<FlowPtr> flows;
  for (unsigned i = 0; i < 3; ++i) {
    flows.push_back(open(from_client()));
    handshake(*flows.back());
  }
  install();
  stage->release_references(*old_part, 4);
  EXPECT_EQ(old_part->references(), 2u) << "no more than the budget";
  stage->release_references(*old_part, 64);
  EXPECT_EQ(old_part->references(), 0u);
  old_part.reset();
  for (auto& flow : flows) {
    send(*flow, from_client().payload(kRequest));
    EXPECT_EQ(app(*flow), "HTTP");
    end(*flow);
  }
  EXPECT_EQ(counter("restarted"), 6u) << "nDPI's state and the session of each";
}

TEST_P(DpiStageTest, KeepsAVerdictOverAReload) {
  events->enabled = false;  // else the connection's later requests are told of, too
  install();
  auto flow = open(from_client());
  handshake(*flow);
  send(*flow, from_client().payload(kRequest));
  send(*flow, from_server().payload(kResponse));
  ASSERT_TRUE(settled(*flow));
  install();
  EXPECT_FALSE(settled(*flow));
  send(*flow, from_server().payload("more"));
  EXPECT_TRUE(settled(*flow));
  EXPECT_EQ(app(*flow), "HTTP");
  EXPECT_EQ(host(*flow), "www.example.com");
  EXPECT_EQ(counter("flows"), 1u);
  end(*flow);
}

TEST_P(DpiStageTest, ShowsApplicationsAndMemory) {
  install();
  auto flow = open(from_client());
  handshake(*flow);
  send(*flow, from_client().payload(kRequest));
  send(*flow, from_server().payload(kResponse));
  const CommandContext context{.policy = *policy,
                               .parts = {part.get()},
                               .stages = {stage},
                               .directory = directory,
                               .arguments = {}};
  std::string text;
  for (const StageCommand& command : kDpiStage.commands) text += command.run(context);
  EXPECT_NE(text.find("HTTP                            1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("0 of 64"), std::string::npos) << text;
  end(*flow);
}

}  // namespace
}  // namespace sluice::test

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A dpi stage with its policy, part and events, for tests without a lane.
#pragma once

#include <gtest/gtest.h>

#include <rte_tcp.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "stages/dpi/dpi.h"
#include "stages/dpi/dpi_stage.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_environment.h"
#include "tests/support/test_flow.h"
#include "tests/unit/stages/dpi/wire_samples.h"

namespace sluice::test {

struct DpiFamily {
  const char* name;
  const char *client, *server;
};

inline const auto kDpiFamilies =
    ::testing::Values(DpiFamily{"Ipv4", "10.0.0.1", "198.51.100.7"},
                      DpiFamily{"Ipv6", "2001:db8::1", "2001:db8:ffff::7"});

class DpiTest : public PacketTestWith<DpiFamily> {
 protected:
  static constexpr Reason kFirstReason = 40;

  DpiTest() {
    static unsigned number = 0;
    events = std::make_unique<EventQueue>(("dpi" + std::to_string(number++)).c_str(), 256, 64, -1);
    StageResources resources;
    resources.first_reason = kFirstReason;
    resources.flow_capacity = 1024;
    resources.directory = &directory;
    resources.events = events.get();
    resources.replay = true;
    use(resources);
  }
  void use(const StageResources& wanted) {
    resources = std::make_unique<StageResources>(wanted);
    stage_owner = kDpiStage.create(wanted);
    stage = static_cast<DpiStage*>(stage_owner.get());
  }

  // Compiles `toml` as the next generation; the part before stays in `old_part`.
  void install(std::string_view toml = "[stage.dpi]\nmax_flows = 64\narena_mb = 4\n") {
    auto compiled = compile(toml);
    ASSERT_TRUE(compiled) << errors.to_string();
    old_part = std::move(part);
    old_policy = std::move(policy);
    policy = std::move(compiled);
    part = kDpiStage.create_lane_part(*policy, *resources);
    ++generation;
  }
  // The same, with a file of these rules.
  void install_rules(const std::string& rules, const std::string& on_overload = "bypass") {
    const std::string path =
        ::testing::TempDir() + "dpi_test_" + std::to_string(getpid()) + ".rules";
    std::ofstream(path) << rules;
    install(
        "[stage.dpi]\nmax_flows = 64\narena_mb = 4\non_overload = \"" + on_overload +
        "\"\n[stage.dpi.rules]\ncache = \"\"\n"
        "files = [\"" + path + "\"]\n");
    std::remove(path.c_str());
  }
  std::unique_ptr<const StagePolicy> compile(std::string_view toml,
                                             std::vector<std::string> rules = {}) {
    auto document = ConfigDocument::parse(toml, "test.toml", errors);
    if (!document) return nullptr;
    CompileContext context{.config = config,
                           .directory = directory,
                           .port_macs = {},
                           .base_dir = "",
                           .replay = true,
                           .extra_rules = std::move(rules)};
    return kDpiStage.compile(stage_section(document->root(errors), "dpi"), context);
  }
  DpiPart& dpi_part() { return static_cast<DpiPart&>(*part); }

  PacketBuilder from_client() const {
    return eth().ip(GetParam().client, GetParam().server).tcp(40000, server_port);
  }
  PacketBuilder from_server() const {
    return eth().ip(GetParam().server, GetParam().client).tcp(server_port, 40000);
  }
  PacketBuilder datagram() const {
    return eth().ip(GetParam().client, GetParam().server).udp(40000, server_port);
  }

  // Takes a packet through the stage as a worker does. False if it was dropped.
  bool send(TestFlow& flow, const PacketBuilder& builder, uint16_t more_flags = 0) {
    rte_mbuf* m = builder.mbuf(pool);
    flow.adopt(m, time_ns += 1'000'000);
    meta(m).flags |= more_flags;
    const auto numbers = next_seq_;
    if (numbers_segments && (meta(m).flags & kMetaTcp) != 0) number(m, flow);
    const StageState& state = flow.stage(0);
    bool passed = state.verdict == Verdict::Pass || !settled(flow);
    if (!settled(flow)) {
      Burst burst;
      burst.generation = generation;
      burst.push(m);
      stage->process(burst, *policy, part.get());
      ++visits;
      passed = meta(m).verdict == Verdict::Pass;
      last_reason = meta(m).reason;
    }
    if (!passed) next_seq_ = numbers;  // it will be sent again
    rte_pktmbuf_free(m);
    return passed;
  }
  // Ends with its owner: no flow may leave the table without the stage's hearing of it.
  struct EndFlow {
    DpiTest* test;
    void operator()(TestFlow* flow) const {
      test->end(*flow);
      delete flow;
    }
  };
  using FlowPtr = std::unique_ptr<TestFlow, EndFlow>;
  FlowPtr open(const PacketBuilder& first) {
    rte_mbuf* m = first.mbuf(pool);
    FlowPtr flow(new TestFlow(m, time_ns), {this});
    // As the flow table says of a flow that begins without a SYN; a handshake makes it good.
    if ((*flow)->key.proto == IPPROTO_TCP) (*flow)->flags |= kFlowPickedUp;
    rte_pktmbuf_free(m);
    return flow;
  }
  void handshake(TestFlow& flow) {
    send(flow, from_client().flags(kTcpSyn).seq(0));
    send(flow, from_server().flags(kTcpSyn | kTcpAck).seq(0));
    send(flow, from_client().flags(kTcpAck));
  }
  // Gives a segment the numbers that its sender would.
  void number(rte_mbuf* m, TestFlow& flow) {
    auto& next = next_seq_[&flow];
    const auto side = static_cast<size_t>(direction(meta(m)));
    auto* tcp = l4_header<rte_tcp_hdr>(m);
    tcp->sent_seq = rte_cpu_to_be_32(next[side]);
    tcp->recv_ack = rte_cpu_to_be_32(next[1 - side]);
    next[side] += meta(m).payload_len + ((tcp->tcp_flags & (kTcpSyn | kTcpFin)) != 0 ? 1 : 0);
  }
  bool settled(TestFlow& flow) const { return flow.stage(0).generation == generation; }
  // The flow ends; its record as the log would get it.
  Event end(TestFlow& flow) {
    next_seq_.erase(&flow);
    Event record{};
    record.type = EventType::Flow;
    stage->flow_ended(*flow, &record);
    return record;
  }

  std::string app(TestFlow& flow) const {
    return directory.applications.applications[flow.context().app];
  }
  std::string master(TestFlow& flow) const {
    return directory.applications.applications[flow.context().app_master];
  }
  static std::string host(TestFlow& flow) {
    const HostName* h = flow.context().host;
    return h == nullptr ? "" : std::string(h->text, h->length);
  }
  uint64_t counter(std::string_view name) const {
    for (const CounterInfo& info : kDpiStage.counters) {
      if (info.name != name) continue;
      return *reinterpret_cast<const uint64_t*>(static_cast<const char*>(stage->counters()) +
                                                info.offset);
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
  // Events since the last call, copied.
  std::vector<Event> take_events() {
    std::vector<Event> copies;
    Event* taken[16];
    while (const unsigned n = events->take(taken, 16)) {
      for (unsigned i = 0; i < n; ++i) {
        copies.push_back(*taken[i]);
        EventQueue::recycle(taken[i]);
      }
    }
    return copies;
  }

  Config config;
  Directory directory;
  ConfigErrors errors;
  std::unique_ptr<EventQueue> events;
  std::unique_ptr<StageResources> resources;
  std::unique_ptr<Stage> stage_owner;
  DpiStage* stage = nullptr;
  std::unique_ptr<const StagePolicy> policy, old_policy;
  std::unique_ptr<LanePart> part, old_part;
  uint16_t generation = 0;
  uint16_t server_port = 80;
  uint64_t time_ns = kTestTime_ns;
  bool numbers_segments = true;  // else the test does
  unsigned visits = 0;
  Reason last_reason = kNoReason;

 private:
  std::map<const TestFlow*, std::array<uint32_t, 2>> next_seq_;
};

}  // namespace sluice::test

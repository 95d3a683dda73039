// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/support/test_appliance.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "stages/registry.h"

namespace sluice::test {

class TestAppliance::QueueInput : public Input {
 public:
  uint16_t receive(rte_mbuf** pkts, uint16_t n) noexcept override {
    uint16_t given = 0;
    while (given < n && !queue_.empty()) {
      pkts[given++] = queue_.front();
      queue_.pop_front();
    }
    return given;
  }
  bool has_own_clock() const noexcept override { return true; }
  bool exhausted() const noexcept override { return queue_.empty(); }
  void push(rte_mbuf* m) {
    queue_.push_back(m);
    bytes_ += m->pkt_len;
  }
  uint64_t bytes() const { return bytes_; }  // pushed so far

 private:
  uint64_t bytes_ = 0;
  std::deque<rte_mbuf*> queue_;
};

class TestAppliance::QueueOutput : public Output {
 public:
  uint16_t transmit(rte_mbuf** pkts, uint16_t n) noexcept override {
    for (uint16_t i = 0; i < n; ++i) {
      sent_.push_back(bytes_of(pkts[i]));
      bytes_ += sent_.back().size();
      rte_pktmbuf_free(pkts[i]);
    }
    return n;
  }
  std::vector<Bytes> take() { return std::exchange(sent_, {}); }
  size_t size() const { return sent_.size(); }
  uint64_t bytes() const { return bytes_; }  // so far

 private:
  uint64_t bytes_ = 0;
  std::vector<Bytes> sent_;
};

TestAppliance::TestAppliance(std::string_view toml, unsigned mbufs) : pool_(mbufs) {
  ConfigErrors errors;
  document_ = ConfigDocument::parse(toml, "test.toml", errors);
  if (!document_) throw std::runtime_error(errors.to_string());
  ConfigVocabulary vocabulary;
  for (const StageType* type : stage_types()) vocabulary.stages.emplace_back(type->name);
  config_ = read_config(document_->root(errors), vocabulary);
  if (!errors.empty()) throw std::runtime_error(errors.to_string());
  for (const std::string& name : config_.line) line_.push_back(find_stage_type(name));

  ApplianceOptions options;
  options.config = &config_;
  options.line = line_;
  options.directory = &directory_;
  options.inputs.resize(config_.lanes.size());
  options.outputs.resize(config_.lanes.size());
  for (size_t port = 0; port < config_.ports.size(); ++port) {
    inputs_.push_back(std::make_unique<QueueInput>());
    inputs_.back()->port = static_cast<uint16_t>(port);
    inputs_.back()->split_horizon = config_.ports[port].split_horizon.value_or(false);
    outputs_.push_back(std::make_unique<QueueOutput>());
    options.inputs[0].push_back(inputs_.back().get());
    for (auto& lane : options.outputs) lane.push_back(outputs_.back().get());
  }
  options.mempool = pool_.get();
  options.name = "test";
  options.huge_pages = false;
  appliance_ = std::make_unique<Appliance>(options);
  std::string error;
  auto policy = compile(toml, config_, appliance_->next_generation());
  if (!appliance_->install(std::move(policy), error)) throw std::runtime_error(error);
  poll();
}

TestAppliance::~TestAppliance() {
  appliance_->pause();
  for (int i = 0; i < 100 && !appliance_->paused(); ++i) poll();
  EXPECT_TRUE(appliance_->paused());
  appliance_->request_shutdown();
  for (int i = 0; i < 100; ++i) poll();
  for (const Worker* worker : appliance_->workers()) EXPECT_TRUE(worker->stopped());
  take_events();
  for (unsigned lane = 0; lane < appliance_->lanes(); ++lane) {
    EXPECT_TRUE(is_conserved(appliance_->total(lane))) << "lane " << lane;
    EXPECT_EQ(appliance_->flow_table(lane).size(), 0u);
    EXPECT_EQ(appliance_->flow_table(lane).pending(), 0u);
  }
  // What lanes pass to one another is counted on both sides.
  uint64_t in = 0, out = 0;
  for (const auto& input : inputs_) in += input->bytes();
  for (const auto& output : outputs_) out += output->bytes();
  const WorkerStatistics sum = appliance_->total();
  EXPECT_EQ(sum.received_bytes - in, sum.transmitted_bytes - out);
  if (sum.passed_over == 0) {
    EXPECT_EQ(sum.received_bytes, in);
  }
  appliance_.reset();
  EXPECT_EQ(pool_.missing(), 0u) << "mbufs not given back";
}

std::unique_ptr<Policy> TestAppliance::compile(std::string_view toml, const Config& config,
                                               uint16_t generation) {
  ConfigErrors errors;
  auto document = ConfigDocument::parse(toml, "test.toml", errors);
  if (!document) throw std::runtime_error(errors.to_string());
  CompileContext context{.config = config,
                         .directory = directory_,
                         .port_macs = {},
                         .base_dir = "",
                         .replay = false,
                         .extra_rules = {}};
  for (size_t i = 0; i < config.ports.size(); ++i) {
    context.port_macs.push_back(
        config.ports[i].mac.value_or(MacAddress{{2, 0, 0, 0, 1, static_cast<uint8_t>(i)}}));
  }
  auto policy = compile_policy(line_, document->root(errors), context, generation);
  if (!policy) throw std::runtime_error(errors.to_string());
  return policy;
}

bool TestAppliance::reload(std::string_view toml, std::string& error) {
  return appliance_->install(compile(toml, config_, appliance_->next_generation()), error);
}

unsigned TestAppliance::port_index(std::string_view name) const {
  for (unsigned i = 0; i < config_.ports.size(); ++i) {
    if (config_.ports[i].name == name) return i;
  }
  throw std::runtime_error("no port " + std::string(name));
}

void TestAppliance::inject(std::string_view port, const Bytes& frame) {
  rte_mbuf* m = make_mbuf(frame, pool_.get());
  meta(m).time_ns = now_ns_;
  inputs_[port_index(port)]->push(m);
}

void TestAppliance::inject(std::string_view port, const PacketBuilder& packet) {
  inject(port, packet.bytes());
}

void TestAppliance::poll() {
  for (bool busy = true; busy;) {
    busy = false;
    for (Worker* worker : appliance_->workers()) {
      if (!worker->stopped()) busy |= worker->poll();
    }
  }
}

void TestAppliance::send(std::string_view port, const PacketBuilder& packet) {
  inject(port, packet);
  poll();
}

std::vector<Bytes> TestAppliance::take_sent(std::string_view port) {
  return outputs_[port_index(port)]->take();
}

bool TestAppliance::left_by(std::string_view port) {
  bool right = true;
  for (unsigned i = 0; i < outputs_.size(); ++i) {
    right &= outputs_[i]->take().size() == (i == port_index(port) ? 1u : 0u);
  }
  return right;
}

bool TestAppliance::nothing_left() {
  size_t frames = 0;
  for (auto& output : outputs_) frames += output->take().size();
  return frames == 0;
}

uint64_t TestAppliance::dropped(std::string_view name) const {
  const WorkerStatistics sum = appliance_->total();
  for (size_t i = 0; i < appliance_->reasons().size(); ++i) {
    if (appliance_->reasons().name(static_cast<Reason>(i)) == name) return sum.dropped[i];
  }
  throw std::runtime_error("no drop reason " + std::string(name));
}

Flow* TestAppliance::only_flow() {
  FlowTable& table = appliance_->flow_table(0);
  Flow* found = nullptr;
  for (uint32_t i = 0; i < table.entries(); ++i) {
    Flow* flow = table.at(i);
    if (!flow) continue;
    if (found) return nullptr;
    found = flow;
  }
  return found;
}

std::vector<Event> TestAppliance::take_events() {
  std::vector<Event> out;
  for (EventQueue* queue : appliance_->event_queues()) {
    Event* events[32];
    while (const unsigned n = queue->take(events, 32)) {
      for (unsigned i = 0; i < n; ++i) {
        out.push_back(*events[i]);
        EventQueue::recycle(events[i]);
      }
    }
  }
  return out;
}

std::string wire_toml(std::string_view more) {
  return R"(
[[port]]
name = "a"
device = "net_null0"
peer = "b"
[[port]]
name = "b"
device = "net_null1"
peer = "a"
[stage.firewall]
default = "allow"
)" + std::string(more);
}

}  // namespace sluice::test

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/unit/app_ports/port_rig.h"

#include <gtest/gtest.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ring.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "app/host.h"
#include "chain/worker.h"
#include "stages/registry.h"

namespace sluice::test {

namespace {

rte_ring* ring_of(const PortConfig& port) {
  rte_ring* ring = rte_ring_lookup(("ETH_RXTX0_" + device_name(port.device)).c_str());
  if (!ring) throw std::runtime_error("no ring behind " + port.device);
  return ring;
}

std::string arguments_of(const std::string& device) {
  const size_t comma = device.find(',');
  return comma == std::string::npos ? "" : device.substr(comma + 1);
}

}  // namespace

PortRig::PortRig(std::string_view toml) {
  ConfigErrors errors;
  document_ = ConfigDocument::parse(toml, "test.toml", errors);
  if (!document_) throw std::runtime_error(errors.to_string());
  ConfigVocabulary vocabulary;
  for (const StageType* type : stage_types()) vocabulary.stages.emplace_back(type->name);
  config_ = read_config(document_->root(errors), vocabulary);
  if (!errors.empty()) throw std::runtime_error(errors.to_string());
  for (const std::string& name : config_.line) line_.push_back(find_stage_type(name));
  for (const PortConfig& port : config_.ports) {
    const int error = rte_eal_hotplug_add("vdev", device_name(port.device).c_str(),
                                          arguments_of(port.device).c_str());
    if (error != 0) throw std::runtime_error("cannot create " + port.device);
  }
  ports_ = std::make_unique<Ports>(config_);
  ApplianceOptions options;
  options.config = &config_;
  options.line = line_;
  options.directory = &directory_;
  options.inputs = ports_->inputs();
  options.outputs = ports_->outputs();
  options.mempool = ports_->pool();
  options.rss = ports_->rss();
  options.name = "rig";
  options.huge_pages = false;
  options.events = false;
  appliance_ = std::make_unique<Appliance>(options);
  std::string error;
  if (!appliance_->install(compile(), error)) throw std::runtime_error(error);
  ports_->start();
  keeper_ = std::make_unique<PortKeeper>(*ports_, *appliance_);
  poll();
}

std::unique_ptr<Policy> PortRig::compile() {
  ConfigErrors errors;
  CompileContext context{.config = config_,
                         .directory = directory_,
                         .port_macs = ports_->macs(),
                         .base_dir = "",
                         .replay = false,
                         .extra_rules = {}};
  auto policy =
      compile_policy(line_, document_->root(errors), context, appliance_->next_generation());
  if (!policy) throw std::runtime_error(errors.to_string());
  return policy;
}

PortRig::~PortRig() {
  keeper_.reset();
  appliance_->pause();
  for (int i = 0; i < 100 && !appliance_->paused(); ++i) poll();
  EXPECT_TRUE(appliance_->paused());
  appliance_->request_shutdown();
  poll(100);
  for (unsigned lane = 0; lane < appliance_->lanes(); ++lane) {
    EXPECT_TRUE(is_conserved(appliance_->total(lane))) << "lane " << lane;
  }
  for (const PortConfig& port : config_.ports) {
    if (!device_name(port.device).starts_with("net_ring")) continue;
    rte_ring* ring = rte_ring_lookup(("ETH_RXTX0_" + device_name(port.device)).c_str());
    void* m = nullptr;
    while (ring && rte_ring_dequeue(ring, &m) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
  }
  ports_->close();
  EXPECT_EQ(ports_->mbufs_missing(), 0u);
  for (const PortConfig& port : config_.ports) {
    rte_eal_hotplug_remove("vdev", device_name(port.device).c_str());
  }
}

void PortRig::inject(unsigned port, const PacketBuilder& packet) {
  rte_mbuf* m = make_mbuf(packet.bytes(), ports_->pool());
  ASSERT_EQ(rte_ring_enqueue(ring_of(config_.ports[port]), m), 0);
}

void PortRig::poll(unsigned times) {
  for (unsigned i = 0; i < times; ++i) {
    for (Worker* worker : appliance_->workers()) {
      if (!worker->stopped()) worker->poll();
    }
  }
}

void PortRig::turn() {
  now_ms_ += 5;
  keeper_->turn(now_ms_);
}

bool PortRig::run_until(const std::function<bool()>& condition) {
  for (int i = 0; i < 4000; ++i) {
    poll();
    turn();
    if (condition()) return true;
    // The mender works in real time.
    if (keeper_->busy()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

void PortRig::run_ms(uint64_t ms) {
  for (const uint64_t end = now_ms_ + ms; now_ms_ < end;) {
    poll();
    turn();
  }
}

uint64_t PortRig::dropped(std::string_view name) const {
  const WorkerStatistics sum = appliance_->total();
  for (size_t i = 0; i < appliance_->reasons().size(); ++i) {
    if (appliance_->reasons().name(static_cast<Reason>(i)) == name) return sum.dropped[i];
  }
  throw std::runtime_error("no drop reason " + std::string(name));
}

std::string wire_of(std::string_view a, std::string_view b, std::string_view more,
                    std::string_view rest) {
  const auto port = [&](const char* name, const char* peer, std::string_view device) {
    return "[[port]]\nname = \"" + std::string(name) + "\"\npeer = \"" + peer + "\"\ndevice = \"" +
           std::string(device) + "\"\n" + std::string(more) + "\n";
  };
  return port("a", "b", a) + port("b", "a", b) + "[stage.firewall]\ndefault = \"allow\"\n" +
         std::string(rest);
}

}  // namespace sluice::test

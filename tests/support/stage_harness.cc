// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/support/stage_harness.h"

#include <cstring>
#include <stdexcept>

namespace sluice::test {

StageHarness::StageHarness(const StageType& type, std::string_view toml, HarnessOptions options)
    : type_(type), options_(std::move(options)), reasons_({&type}) {
  for (size_t i = options_.port_macs.size(); i < options_.config.ports.size(); ++i) {
    options_.port_macs.push_back({{2, 0, 0, 0, 1, static_cast<uint8_t>(i)}});
  }
  resources_.first_reason = reasons_.first_of_stage(0);
  resources_.flow_capacity = 1024;
  resources_.directory = &directory_;
  resources_.replay = options_.replay;
  compile(toml);
  if (compiled()) stage_ = type_.create(resources_);
}

void StageHarness::compile(std::string_view toml) {
  auto document = ConfigDocument::parse(toml, "test.toml", errors_);
  if (!document) return;
  CompileContext context{.config = options_.config,
                         .directory = directory_,
                         .port_macs = options_.port_macs,
                         .base_dir = "",
                         .replay = options_.replay,
                         .extra_rules = {}};
  auto policy = type_.compile(stage_section(document->root(errors_), type_.name), context);
  if (!policy) return;
  part_.reset();
  policy_ = std::move(policy);
  if (type_.create_lane_part != nullptr) part_ = type_.create_lane_part(*policy_, resources_);
}

bool StageHarness::reload(std::string_view toml) {
  const size_t before = errors_.all().size();
  compile(toml);
  ++options_.generation;
  return errors_.all().size() == before;
}

void StageHarness::process(std::initializer_list<rte_mbuf*> packets) {
  Burst burst;
  burst.generation = options_.generation;
  for (rte_mbuf* m : packets) {
    burst.push(m);
    burst.now_ns = meta(m).time_ns;
  }
  stage_->process(burst, *policy_, part_.get());
}

std::string StageHarness::reason_of(const rte_mbuf* m) const {
  return meta(m).verdict == Verdict::Pass ? "" : reasons_.name(meta(m).reason);
}

uint64_t StageHarness::counter(std::string_view name) const {
  for (const CounterInfo& info : type_.counters) {
    if (info.name != name) continue;
    uint64_t value;
    std::memcpy(&value, static_cast<const char*>(stage_->counters()) + info.offset, sizeof(value));
    return value;
  }
  throw std::invalid_argument("no counter " + std::string(name));
}

std::string StageHarness::show(std::string_view what, std::vector<std::string> arguments) const {
  for (const StageCommand& command : type_.commands) {
    if (command.what != what) continue;
    return command.run({*policy_, {part_.get()}, {stage_.get()}, directory_, std::move(arguments)});
  }
  throw std::invalid_argument("no command " + std::string(what));
}

}  // namespace sluice::test

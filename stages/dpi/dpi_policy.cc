// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dpi_policy.h"

#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Two TLS records' worth of a flow's start, in the arena's powers of two, and
// the reserve without which no packet is looked at.
size_t default_arena_bytes(uint32_t max_flows) {
  return 8 * kMiB + size_t{4096} * max_flows;
}

// They depend on the library alone, so one module tells them once and for all.
std::shared_ptr<const ApplicationNames> application_names() {
  static const auto names = [] {
    auto filled = std::make_shared<ApplicationNames>();
    NdpiEngine().name_applications(*filled);
    return std::shared_ptr<const ApplicationNames>(std::move(filled));
  }();
  return names;
}

std::vector<std::string> signature_files(ConfigSection& section, const CompileContext& context) {
  std::vector<std::string> files = section.strings("signatures");
  for (std::string& file : files) {
    if (!context.base_dir.empty() && !file.starts_with('/')) file = context.base_dir + "/" + file;
  }
  files.insert(files.end(), context.extra_rules.begin(), context.extra_rules.end());
  return files;
}

}  // namespace

DpiPart::DpiPart(const DpiPolicy& policy, bool prefault)
    : settings(policy.settings),
      arena(policy.settings.arena_bytes, prefault),
      pool(policy.settings.max_flows, prefault) {
  if (!policy.signatures->empty()) scanner.emplace(policy.signatures);
}

DpiPart::~DpiPart() {
  while (first() != nullptr) end(first());
}

Inspection* DpiPart::begin(Flow& flow) noexcept {
  if (!arena.has_reserve()) return nullptr;
  Inspection* inspection = pool.take();
  if (inspection == nullptr) return nullptr;
  inspection->part = this;
  inspection->flow = &flow;
  link(inspection);
  refer();
  return inspection;
}

void DpiPart::value(Inspection* inspection, bool precious) noexcept {
  if (inspection->precious == precious) return;
  unlink(inspection);
  inspection->precious = precious;
  link(inspection);
}

void DpiPart::end(Inspection* inspection) noexcept {
  NdpiEngine::release(*inspection->ndpi);
  unlink(inspection);
  pool.give_back(inspection);
  unrefer();
}

void DpiPart::link(Inspection* inspection) noexcept {
  List& list = list_of(inspection);
  inspection->prev = nullptr;
  inspection->next = list.first;
  (list.first != nullptr ? list.first->prev : list.last) = inspection;
  list.first = inspection;
}

void DpiPart::unlink(Inspection* inspection) noexcept {
  List& list = list_of(inspection);
  (inspection->next != nullptr ? inspection->next->prev : list.last) = inspection->prev;
  (inspection->prev != nullptr ? inspection->prev->next : list.first) = inspection->next;
}

std::unique_ptr<const StagePolicy> compile_dpi_policy(ConfigSection section,
                                                      CompileContext& context) {
  const size_t errors_before = section.errors().all().size();
  auto policy = std::make_unique<DpiPolicy>();
  DpiSettings& settings = policy->settings;
  settings.max_flows =
      static_cast<uint32_t>(section.integer("max_flows", settings.max_flows, 64, 1 << 20));
  const auto arena_mb = section.integer("arena_mb", 4, 1 << 16);
  settings.arena_bytes =
      arena_mb ? static_cast<size_t>(*arena_mb) * kMiB : default_arena_bytes(settings.max_flows);
  settings.packets_tcp =
      static_cast<uint8_t>(section.integer("packets_tcp", settings.packets_tcp, 1, 255));
  settings.packets_udp =
      static_cast<uint8_t>(section.integer("packets_udp", settings.packets_udp, 1, 255));
  settings.guess = section.boolean("guess", settings.guess);
  settings.on_overload =
      section.choice<OnOverload>("on_overload", settings.on_overload,
                                 {{"bypass", OnOverload::Bypass}, {"drop", OnOverload::Drop}});
  settings.max_cycles =
      static_cast<uint64_t>(section.integer("max_cycles", 0, 0, int64_t{1} << 40));
  policy->signatures =
      SignatureSet::load(signature_files(section, context), context.directory, section.errors());
  section.finish();
  // Given even where this stage is wrong, so that the firewall's rules are
  // checked against them all the same.
  policy->names = application_names();
  context.directory.applications = *policy->names;
  if (!policy->signatures || section.errors().all().size() != errors_before) return nullptr;
  return policy;
}

std::unique_ptr<LanePart> create_dpi_part(const StagePolicy& policy,
                                          const StageResources& resources) {
  const auto& dpi = static_cast<const DpiPolicy&>(policy);
  try {
    // A replay's memory may come page by page: nothing waits for it.
    return std::make_unique<DpiPart>(dpi, !resources.replay);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(
        "stage dpi: not enough memory for max_flows = " + std::to_string(dpi.settings.max_flows) +
        ", arena_mb = " + std::to_string(dpi.settings.arena_bytes / kMiB));
  }
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/settings.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/eve_json.h"
#include "chain/stage.h"
#include "stages/registry.h"

namespace sluice {

namespace {

// Stages rely on ports whose peers exist and on a whole line; every other error
// leaves their sections readable, so that all errors are told at once.
bool stages_can_be_compiled(const Settings& settings) {
  const auto& ports = settings.config.ports;
  return !settings.line.empty() && settings.line.size() == settings.config.line.size() &&
         !ports.empty() && std::all_of(ports.begin(), ports.end(), [](const PortConfig& port) {
           return port.peer.empty() != (port.peer_index >= 0);
         });
}

void read_common_sections(Settings& settings, ConfigErrors& errors) {
  for (const std::string& assignment : settings.overrides) {
    settings.document->set(assignment, errors);
  }
  ConfigVocabulary vocabulary;
  for (const StageType* type : stage_types()) vocabulary.stages.emplace_back(type->name);
  settings.config = read_config(settings.document->root(errors), vocabulary);
  for (const std::string& name : settings.config.line) {
    if (const StageType* type = find_stage_type(name)) settings.line.push_back(type);
  }
}

}  // namespace

std::string Settings::base_dir() const {
  return std::filesystem::path(path).parent_path().string();
}

std::unique_ptr<Settings> load_settings(const std::string& path,
                                        const std::vector<std::string>& overrides,
                                        ConfigErrors& errors) {
  auto settings = std::make_unique<Settings>();
  settings->path = path;
  settings->overrides = overrides;
  settings->document = ConfigDocument::load(path, errors);
  if (!settings->document) return nullptr;
  std::ifstream in(path);
  settings->text.assign(std::istreambuf_iterator<char>(in), {});
  read_common_sections(*settings, errors);
  return settings;
}

std::unique_ptr<Settings> parse_settings(std::string_view text, const std::string& name,
                                         const std::vector<std::string>& overrides,
                                         ConfigErrors& errors) {
  auto settings = std::make_unique<Settings>();
  settings->path = name;
  settings->overrides = overrides;
  settings->text = text;
  settings->document = ConfigDocument::parse(text, name, errors);
  if (!settings->document) return nullptr;
  read_common_sections(*settings, errors);
  return settings;
}

std::unique_ptr<Policy> compile_settings(const Settings& settings, Directory& directory,
                                         std::vector<MacAddress> port_macs, uint16_t generation,
                                         ConfigErrors& errors, const ReplaySettings& replay) {
  if (!stages_can_be_compiled(settings)) return nullptr;
  CompileContext context{.config = settings.config,
                         .directory = directory,
                         .port_macs = std::move(port_macs),
                         .base_dir = settings.base_dir(),
                         .replay = replay.replay,
                         .extra_rules = replay.extra_rules};
  auto policy = compile_policy(settings.line, settings.document->root(errors), context, generation);
  if (!errors.empty()) return nullptr;
  const auto trimmed = [](const std::string& text) {
    return std::string_view(text).substr(0, text.find_last_not_of('\n') + 1);
  };
  for (const std::string& fact : context.facts) spdlog::info("{}", trimmed(fact));
  for (const std::string& remark : context.remarks) spdlog::warn("{}", trimmed(remark));
  return policy;
}

std::shared_ptr<const EveNames> eve_names(const Config& config, const Directory& directory,
                                          const ReasonTable& reasons) {
  auto names = std::make_shared<EveNames>();
  names->directory = &directory;
  names->reasons = &reasons;
  for (const PortConfig& port : config.ports) names->ports.push_back(port.name);
  for (const ChainConfig& chain : config.chains) names->chains.push_back(chain.name);
  names->applications = directory.applications;
  return names;
}

std::string count_errors(const ConfigErrors& errors) {
  const size_t n = errors.all().size();
  return std::to_string(n) + (n == 1 ? " error" : " errors");
}

}  // namespace sluice

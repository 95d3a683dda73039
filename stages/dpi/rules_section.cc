// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules_section.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "stages/dpi/detection/database_cache.h"
#include "stages/dpi/detection/rule_compiler.h"

namespace sluice {

namespace {

constexpr size_t kMaxRefusalsTold = 20;  // one by one

std::string beside(const CompileContext& context, const std::string& file) {
  return context.base_dir.empty() || file.starts_with('/') ? file : context.base_dir + "/" + file;
}

void read_numbers(ConfigSection& section, std::string_view key, rules::RuleNumbers& numbers) {
  const std::vector<std::string> texts = section.strings(key);
  for (size_t i = 0; i < texts.size(); ++i) {
    std::string why;
    if (!numbers.add(texts[i], why)) section.error_at(key, i, texts[i], why);
  }
}

void read_variables(ConfigSection section, rules::RuleVariables& variables) {
  for (const std::string& name : section.keys()) {
    std::string text;
    for (const std::string& item : section.strings(name)) {
      text += (text.empty() ? "" : ", ") + item;
    }
    variables.set(name, "[" + text + "]", section.position(name));
  }
  variables.check(section.path(), section.errors());
}

void read_classifications(const std::string& file, ConfigSection& section,
                          rules::Classifications& classifications) {
  std::ifstream in(file);
  if (!in) {
    section.error("classification_file", file, "a readable file");
    return;
  }
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  classifications.add(file, text, section.errors());
}

// Where a program keeps what it can make again: the service manager's folder,
// the XDG base directory specification's, or root's.
std::string customary_cache(bool replay) {
  if (const char* folder = std::getenv("CACHE_DIRECTORY")) return folder;
  if (const char* folder = std::getenv("XDG_CACHE_HOME")) return std::string(folder) + "/sluice";
  if (!replay) return "/var/cache/sluice";
  const char* home = std::getenv("HOME");
  return home != nullptr ? std::string(home) + "/.cache/sluice" : std::string();
}

void tell(const rules::LoadedRules& loaded, CompileContext& context) {
  if (loaded.coverage.rules == 0) return;
  const bool well = loaded.coverage.refused == 0;
  std::vector<std::string>& remarks = context.remarks;
  (well ? context.facts : remarks).push_back(to_string(loaded.coverage));
  for (size_t i = 0; i < loaded.refusals.size() && i < kMaxRefusalsTold; ++i) {
    remarks.push_back(format(loaded.refusals[i].error));
  }
}

}  // namespace

std::shared_ptr<const rules::RuleSet> compile_rules(ConfigSection section, CompileContext& context,
                                                    rules::RuleCoverage& coverage) {
  const size_t errors_before = section.errors().all().size();
  rules::RuleLoadOptions options;
  std::vector<std::string> files;
  for (const std::string& file : section.strings("files")) files.push_back(beside(context, file));
  files.insert(files.end(), context.extra_rules.begin(), context.extra_rules.end());
  options.on_unsupported = section.choice<rules::OnUnsupported>(
      "on_unsupported", options.on_unsupported,
      {{"refuse", rules::OnUnsupported::RefuseRule}, {"fail", rules::OnUnsupported::Fail}});
  read_numbers(section, "enable", options.selection.enable);
  read_numbers(section, "disable", options.selection.disable);
  read_numbers(section, "drop", options.selection.drop);
  read_variables(section.table("variables"), options.variables);
  if (const auto file = section.string("classification_file")) {
    read_classifications(beside(context, *file), section, options.classifications);
  }
  const std::string cache_folder = section.string("cache", customary_cache(context.replay));
  section.finish();
  if (section.errors().all().size() != errors_before) return nullptr;

  const rules::Classifications classifications = options.classifications;
  const bool fails = options.on_unsupported == rules::OnUnsupported::Fail;
  rules::LoadedRules loaded = rules::load_rules(files, std::move(options), section.errors());
  if (section.errors().all().size() != errors_before) return nullptr;

  rules::RuleCompiler compiler(context.directory, classifications);
  for (const rules::Rule& rule : loaded.rules) {
    std::string why;
    if (compiler.add(rule, why)) continue;
    --loaded.coverage.loaded;
    ++loaded.coverage.refused;
    ++loaded.coverage.refused_by[{rules::RefusalKind::Unsupported, "rule"}];
    const std::string number = "rule " + std::to_string(rule.sid);
    loaded.refusals.push_back({rules::RefusalKind::Unsupported, rule.sid,
                               {{}, "rule", number + ": " + why, "what can be evaluated"}});
    if (fails) section.error("files", number + ": " + why, "rules that can be evaluated");
  }
  tell(loaded, context);
  coverage = loaded.coverage;
  if (section.errors().all().size() != errors_before) return nullptr;
  try {
    rules::DatabaseCache cache(cache_folder);
    auto set = compiler.finish(cache);
    cache.prune();
    if (!cache.problem().empty() && set->size() != 0) {
      context.remarks.push_back("rules: compiled patterns are not kept: " + cache.problem());
    }
    return set;
  } catch (const std::runtime_error& error) {
    section.error("files", error.what(), "rules that can be compiled");
    return nullptr;
  }
}

}  // namespace sluice

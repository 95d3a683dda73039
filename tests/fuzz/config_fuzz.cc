// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Configuration files are typed by people and fetched by scripts: whatever the
// text, reading it ends with a configuration or with errors.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  static const ConfigVocabulary vocabulary{{"identity", "dpi", "firewall", "forwarding"}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The last line is an override.
  const size_t split = text.rfind('\n');
  ConfigErrors errors;
  const auto document = ConfigDocument::parse(text.substr(0, split), "fuzz", errors);
  if (document != nullptr) {
    if (split != std::string_view::npos) document->set(text.substr(split + 1), errors);
    ConfigSection root = document->root(errors);
    read_config(root, vocabulary);
    for (const std::string& stage : vocabulary.stages) stage_section(root, stage).finish();
  }
  errors.to_string();
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `[stage.dpi.applications]`: applications that nDPI does not know, or knows less
// of, told apart by host name, address or port.
#pragma once

#include <string>
#include <vector>

#include "config/section.h"

namespace sluice {

// What nDPI shall know beside its own protocols. Immutable once read.
struct OwnApplications {
  // Each once, in the order they were met; some may be names of nDPI's own.
  std::vector<std::string> names;
  // In the form of nDPI's protocol files, checked: that library passes over what it
  // does not understand, and says nothing.
  std::string definitions;

  bool empty() const noexcept { return definitions.empty(); }
};

// Relative files lie in `base_dir`. What is wrong goes to the section's errors.
// Compiler thread.
OwnApplications read_own_applications(ConfigSection section, const std::string& base_dir);

// One file of nDPI's protocol definitions (`host:"intra.example"@Intranet`), added to
// `own`. `name` is for messages.
void read_protocol_file(const std::string& name, std::string_view text, OwnApplications& own,
                        ConfigErrors& errors);

}  // namespace sluice

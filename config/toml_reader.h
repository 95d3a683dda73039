// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// TOML text to a tree with places: the only user of toml11.
#pragma once

#include <optional>
#include <string_view>

#include "config/errors.h"
#include "config/node.h"

namespace sluice {

// Reads `text`, whose places are those of sources[source]. On a syntax error
// (also: too deep, too long, no UTF-8) adds it to `errors` and returns nothing.
std::optional<ConfigNode> read_toml(std::string_view text, const ConfigSources& sources,
                                    uint32_t source, ConfigErrors& errors);

}  // namespace sluice

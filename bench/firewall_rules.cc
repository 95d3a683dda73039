// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/firewall_rules.h"

namespace sluice::bench {

std::string firewall_rules(unsigned rules) {
  std::string toml;
  for (unsigned i = 1; i < rules; ++i) {
    toml += "[[stage.firewall.rule]]\nname = \"r" + std::to_string(i) + "\"\nto = [\"172." +
            std::to_string(16 + i % 16) + "." + std::to_string(i / 16 % 256) + "." +
            std::to_string(i / 4096 % 256) + "\"]\nprotocol = [\"tcp\"]\nport = [\"" +
            std::to_string(1 + i % 60000) + "\"]\naction = \"drop\"\n";
  }
  return toml + R"([[stage.firewall.rule]]
name = "inside-out"
from = ["group:inside"]
action = "allow"
)";
}

}  // namespace sluice::bench

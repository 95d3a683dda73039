// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <string>

namespace sluice::bench {

// So many rules of the firewall, as TOML; each matches an address, a protocol and
// a port that no benchmark sends to, but the last one, which allows all of
// group "inside".
std::string firewall_rules(unsigned rules);

}  // namespace sluice::bench

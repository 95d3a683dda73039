// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <string_view>

namespace sluice {

// The configuration of `sluice replay` without -c: all four stages, everything
// allowed, everything logged.
inline constexpr std::string_view kDefaultReplayConfig = R"(
[[port]]
name = "a"
device = "net_null0"
peer = "b"

[[port]]
name = "b"
device = "net_null1"
peer = "a"

[[lane]]
lcore = 0

[flowtable]
midstream = "pick_up"
tcp_window = "loose"   # a capture may lack packets that the endpoints saw

[stage.firewall]
default = "allow"
)";

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Frames of other link types as Ethernet frames: the one place where captures
// are converted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sluice {

// By libpcap's DLT_* numbers.
bool link_type_supported(int link_type) noexcept;
std::string link_type_name(int link_type);  // "RAW"; "type 999" where libpcap has no name
std::string supported_link_types();         // for messages: "EN10MB, RAW, ..."

// What the frame looks like on an Ethernet: itself, or a copy in `scratch` with
// a header made from the link's own (locally administered addresses where the
// link has none). A frame too short for its link header becomes a cut Ethernet
// frame, which the parser counts as truncated. `link_type` must be supported.
std::span<const uint8_t> to_ethernet(int link_type, std::span<const uint8_t> frame,
                                     std::vector<uint8_t>& scratch);

}  // namespace sluice

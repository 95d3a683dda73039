// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The lists of addresses and ports in a rule's header.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "stages/dpi/signature_header.h"

namespace sluice {

// Why a list is refused.
struct SignatureListError {
  size_t offset = 0;  // in the text given
  std::string found;
  std::string allowed;
};

// `any`, one item, "!item" or "[a, !b, [c, d]]". A list holds what its plain
// items name (everything, if it has none) without what its negated items name.
// Nothing, with `error` filled, where the text is no such list or leaves nothing.
std::optional<AddressSet> parse_address_list(std::string_view text, SignatureListError& error);
std::optional<PortSet> parse_port_list(std::string_view text, SignatureListError& error);

}  // namespace sluice

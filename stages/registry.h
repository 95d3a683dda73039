// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Every stage that this binary has, in the order of the default line.
#pragma once

#include <span>
#include <string_view>

#include "chain/stage.h"

namespace sluice {

std::span<const StageType* const> stage_types();
const StageType* find_stage_type(std::string_view name);  // null: none of that name

}  // namespace sluice

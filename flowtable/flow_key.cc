// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_key.h"

#include <utility>

namespace sluice {

bool normalise(FlowKey& key) noexcept {
  int order = std::memcmp(key.addr[0].data(), key.addr[1].data(), key.addr[0].size());
  if (order == 0) order = std::memcmp(&key.port[0], &key.port[1], sizeof(key.port[0]));
  if (order <= 0) return false;
  std::swap(key.addr[0], key.addr[1]);
  std::swap(key.port[0], key.port[1]);
  return true;
}

}  // namespace sluice

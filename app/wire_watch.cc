// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/wire_watch.h"

#include <utility>

namespace sluice {

namespace {

std::string address_of(uint64_t key) {
  MacAddress mac;
  for (size_t i = 0; i < mac.bytes.size(); ++i) mac.bytes[i] = static_cast<uint8_t>(key >> 8 * i);
  const uint64_t vlan = key >> 48 & 0xfff;
  return to_string(mac) + (vlan == 0 ? "" : " in VLAN " + std::to_string(vlan));
}

}  // namespace

std::vector<std::string> WireWatch::turn(const std::vector<WireDisputes>& now, const Config& config,
                                         uint64_t now_ms) {
  std::vector<std::string> out;
  if (told_ms_ && now_ms - *told_ms_ < kQuietMs) return out;
  told_.resize(now.size());
  for (size_t i = 0; i < now.size(); ++i) {
    const uint64_t more = now[i].count - std::exchange(told_[i], now[i].count);
    if (more == 0) continue;
    const PortConfig& port = config.ports[now[i].port];
    out.push_back("wire " + port.name + " - " + port.peer + ": " + address_of(now[i].key) +
                  " is heard on both sides, last at " + port.name + " (" + std::to_string(more) +
                  " changes since the last report, of all addresses): two hosts have it, one "
                  "forges it, or there is a way past the wire");
  }
  if (!out.empty()) told_ms_ = now_ms;
  return out;
}

}  // namespace sluice

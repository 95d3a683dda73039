// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/link_follower.h"

namespace sluice {

LinkFollower::LinkFollower(std::vector<End> ends, Act act)
    : ends_(std::move(ends)), act_(std::move(act)), ports_(ends_.size()) {}

// Its own loss, not one that was passed on to it.
bool LinkFollower::lost(unsigned port, const std::vector<bool>& up, uint64_t now_ms) const {
  const State& state = ports_[port];
  return !up[port] && state.hold != LinkHold::Held && now_ms >= state.rises_until_ms;
}

void LinkFollower::turn(const std::vector<bool>& up, uint64_t now_ms) {
  for (unsigned i = 0; i < ports_.size(); ++i) {
    State& state = ports_[i];
    if (up[i]) state.rises_until_ms = 0;
    if (!ends_[i].follows || ends_[i].peer < 0) continue;
    const auto peer = static_cast<unsigned>(ends_[i].peer);
    // Let up only by a peer that is up: one that is in doubt holds on.
    const bool down = state.hold == LinkHold::None ? lost(peer, up, now_ms) : !up[peer];
    if (down == (state.hold != LinkHold::None)) continue;
    if (!down) {
      if (state.hold == LinkHold::Held) {
        // Tried again next time: forgotten, it would stay down for ever, and its peer with it.
        state.error = act_(i, false);
        if (state.error != 0) continue;
        state.rises_until_ms = now_ms + kRiseMs;
      }
      state.hold = LinkHold::None;
      state.error = 0;
    } else if (up[i]) {
      state.error = act_(i, true);
      state.hold = state.error == 0 ? LinkHold::Held : LinkHold::Refused;
    }
  }
}

void LinkFollower::release() {
  for (unsigned i = 0; i < ports_.size(); ++i) {
    if (ports_[i].hold == LinkHold::Held) act_(i, false);
    ports_[i].hold = LinkHold::None;
  }
}

}  // namespace sluice

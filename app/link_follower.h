// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A wire's ends share one fate: when one loses its link, the other's is taken
// down, so that whoever is behind it notices, and let up again when the first
// comes back. Only decides; who does it is told.
//
// The link of a port that is held down says nothing: it is judged again once it
// has been let up and had time to come up. At most one end of a wire is held, so
// that two ends cannot hold each other down for ever.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice {

enum class LinkHold : uint8_t {
  None,
  Held,     // down because the peer's is; with an error(): could not be let up again yet
  Refused,  // should be, but the driver cannot
};

// One thread.
class LinkFollower {
 public:
  struct End {
    int peer = -1;         // position of the wire's other end; -1: no wire
    bool follows = false;  // its link may be taken down
  };
  // Takes the link of a port down, or lets it up; 0 or a negative errno.
  using Act = std::function<int(unsigned port, bool down)>;

  LinkFollower(std::vector<End> ends, Act act);

  // `up[i]`: port i has a link and works. `now_ms`: monotonic.
  void turn(const std::vector<bool>& up, uint64_t now_ms);
  // The port's device was set up anew, and holds nothing down any more.
  void started_anew(unsigned port) {
    ports_[port].hold = LinkHold::None;
    ports_[port].error = 0;
  }
  // Lets everything up.
  void release();
  LinkHold hold(unsigned port) const { return ports_[port].hold; }
  // The driver's answer where it refused; 0 where it did not.
  int error(unsigned port) const { return ports_[port].error; }

  // For a link to come up again after it was let up.
  static constexpr uint64_t kRiseMs = 5000;

 private:
  struct State {
    LinkHold hold = LinkHold::None;
    int error = 0;
    uint64_t rises_until_ms = 0;
  };
  bool lost(unsigned port, const std::vector<bool>& up, uint64_t now_ms) const;

  const std::vector<End> ends_;
  const Act act_;
  std::vector<State> ports_;
};

}  // namespace sluice

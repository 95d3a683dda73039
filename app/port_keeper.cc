// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/port_keeper.h"

#include <rte_errno.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "app/host.h"
#include "app/port.h"
#include "chain/appliance.h"

namespace sluice {

namespace {

constexpr uint64_t kSlowMs = 1000;  // for workers to let go of a port

std::vector<LinkFollower::End> wire_ends(const Ports& ports) {
  std::vector<LinkFollower::End> ends;
  for (unsigned i = 0; i < ports.size(); ++i) {
    ends.push_back({ports[i].config().peer_index, ports[i].link_follow()});
  }
  return ends;
}

uint64_t delay_ms(unsigned tries) {
  if (tries == 0) return 0;
  return std::min(PortKeeper::kLongestDelayMs,
                  PortKeeper::kFirstDelayMs << std::min(tries - 1, 16u));
}

}  // namespace

std::string_view to_string(PortState state) {
  switch (state) {
    case PortState::Working:
      return "working";
    case PortState::Stopping:
      return "stopping";
    case PortState::Waiting:
      return "waits for its next recovery";
    case PortState::Recovering:
      return "recovering";
    case PortState::Removing:
      return "being given back";
    case PortState::Gone:
      return "gone";
  }
  return "?";
}

PortKeeper::PortKeeper(Ports& ports, Appliance& appliance)
    : ports_(ports),
      appliance_(appliance),
      kept_(ports.size()),
      follower_(wire_ends(ports),
                [this](unsigned port, bool down) { return ports_[port].hold_link_down(down); }) {
  for (unsigned i = 0; i < kept_.size(); ++i) {
    kept_[i].pf_was_up = ports_[i].pf_up().value_or(true);
    kept_[i].pf_rises = ports_[i].pf_rises();
  }
}

PortKeeper::~PortKeeper() {
  follower_.release();
}

bool PortKeeper::busy() const {
  return std::any_of(kept_.begin(), kept_.end(), [](const Kept& k) {
    return k.state != PortState::Working && k.state != PortState::Gone;
  });
}

bool PortKeeper::all_gone() const {
  const auto gone = [this](unsigned i) { return kept_[i].state == PortState::Gone; };
  for (unsigned i = 0; i < kept_.size(); ++i) {
    const int peer = ports_[i].config().peer_index;
    if (!gone(i) && !(peer >= 0 && gone(static_cast<unsigned>(peer)))) return false;
  }
  return !kept_.empty();
}

void PortKeeper::turn(uint64_t now_ms) {
  take_results(now_ms);
  const bool look_at_links = now_ms >= next_link_ms_;
  const bool look_at_counters = now_ms >= next_counters_ms_;
  if (look_at_links) next_link_ms_ = now_ms + kLinkEveryMs;
  if (look_at_counters) next_counters_ms_ = now_ms + kCountersEveryMs;
  bool link_news = false;
  for (unsigned i = 0; i < kept_.size(); ++i) {
    const uint64_t changes = kept_[i].counts.link_changes;
    if (look_at_links) watch_pf(i);
    if (look_at_counters) watch_counters(i);
    hear(i, now_ms);
    if (look_at_links) watch_link(i);
    attend(i, now_ms);
    link_news |= kept_[i].counts.link_changes != changes;
  }
  if (look_at_links || link_news) follow(now_ms);
}

void PortKeeper::hear(unsigned i, uint64_t now_ms) {
  Kept& k = kept_[i];
  const uint32_t news = ports_[i].news().take();
  if (k.state == PortState::Gone) return;
  if ((news & kNewsRemoved) && !k.remove) {
    k.remove = true;
    ++k.counts.removals;
    change(i, "removal", "the device is taken away");
  }
  if (news & kNewsReset) {
    ++k.counts.resets;
    // A PF that comes back may say so several times.
    if (!k.renew || k.carries) change(i, "reset", "the device was reset, or its PF");
    k.renew = true;
    k.carries = false;
  }
  if ((news & kNewsRenew) && !k.renew) {
    // Only supposed: where links flap it goes on as it is until its turn comes.
    k.renew = k.carries = true;
    if (k.state != PortState::Waiting) k.next_try_ms = now_ms + delay_ms(k.tries);
  }
  if (news & kNewsLink) watch_link(i);
  if (k.state == PortState::Working && k.tries != 0 && now_ms - k.since_ms >= kSettledMs)
    k.tries = 0;
}

// A VF is deaf once its PF has been down or was reset, whatever its own link says.
void PortKeeper::watch_pf(unsigned i) {
  Kept& k = kept_[i];
  Port& port = ports_[i];
  if (!port.pf_up()) port.look_for_pf();
  if (const auto up = port.pf_up(); up && *up != k.pf_was_up) {
    k.pf_was_up = *up;
    spdlog::warn("port {}: its PF {} is {}", port.config().name, port.pf_interface(),
                 *up ? "up again" : "down");
    if (*up) port.news().post(kNewsReset);
  }
  const auto rises = port.pf_rises();
  if (port.may_miss_resets() && rises && k.pf_rises && *rises != *k.pf_rises &&
      k.state != PortState::Gone) {
    spdlog::info(
        "port {}: the link of its PF {} is back; the VF is set up anew, for the PF may "
        "have been reset",
        port.config().name, port.pf_interface());
    port.news().post(kNewsRenew);
  }
  k.pf_rises = rises;
}

void PortKeeper::watch_counters(unsigned i) {
  Port& port = ports_[i];
  if (kept_[i].state != PortState::Working) return;
  switch (port.watch_statistics()) {
    case DeviceCounters::Reading::Fine:
      return;
    case DeviceCounters::Reading::StartedOver:
      // So they do where another program clears them, too.
      spdlog::warn("port {}: the device's counters started over", port.config().name);
      return;
    case DeviceCounters::Reading::Jumped:
      spdlog::warn("port {}: the device's counters were reset under its driver",
                   port.config().name);
      port.news().post(kNewsReset);
      return;
  }
}

void PortKeeper::watch_link(unsigned i) {
  Port& port = ports_[i];
  Kept& k = kept_[i];
  if (k.state != PortState::Working || !port.update_link()) return;
  ++k.counts.link_changes;
  if (port.link_up() && port.may_miss_resets() && !k.pf_rises) port.news().post(kNewsRenew);
  change(i, port.link_up() ? "link_up" : "link_down", "");
}

void PortKeeper::attend(unsigned i, uint64_t now_ms) {
  Kept& k = kept_[i];
  switch (k.state) {
    case PortState::Working:
      if (k.remove || (k.renew && (!k.carries || now_ms >= k.next_try_ms))) stop(i, now_ms);
      break;
    case PortState::Stopping:
      if (appliance_.grace_period_over(k.grace)) {
        stopped(i, now_ms);
      } else if (!k.slow_told && now_ms - k.since_ms >= kSlowMs) {
        k.slow_told = true;
        spdlog::critical("port {}: a worker does not let go of it", ports_[i].config().name);
      }
      break;
    case PortState::Waiting:
      wait(i, now_ms);
      break;
    case PortState::Recovering:
    case PortState::Removing:
    case PortState::Gone:
      break;
  }
}

void PortKeeper::enter(unsigned i, PortState state, uint64_t now_ms) {
  kept_[i].state = state;
  kept_[i].since_ms = now_ms;
}

void PortKeeper::stop(unsigned i, uint64_t now_ms) {
  Kept& k = kept_[i];
  ports_[i].gate().open.store(false, std::memory_order_release);
  k.grace = appliance_.begin_grace_period();
  k.slow_told = false;
  k.had_link = ports_[i].link_up();
  k.out_ms = now_ms;
  // One that went on until its turn has waited already.
  k.next_try_ms = k.carries ? now_ms : now_ms + delay_ms(k.tries);
  k.carries = false;
  enter(i, PortState::Stopping, now_ms);
}

void PortKeeper::stopped(unsigned i, uint64_t now_ms) {
  ports_[i].statistics();  // the last reading before others have it
  ports_[i].lend(true);
  enter(i, PortState::Waiting, now_ms);
  wait(i, now_ms);
}

void PortKeeper::wait(unsigned i, uint64_t now_ms) {
  Kept& k = kept_[i];
  if (k.remove) {
    if (k.gone_tries != 0 && now_ms < k.next_try_ms) return;
    ++k.gone_tries;
    mender_.give(ports_[i], PortMender::Job::GiveBack);
    enter(i, PortState::Removing, now_ms);
    return;
  }
  // While the PF is down there is nobody to answer; watch_pf() sees it come back.
  if (!ports_[i].pf_up().value_or(true)) {
    k.trouble = "its PF " + ports_[i].pf_interface() + " is down";
    return;
  }
  if (now_ms < k.next_try_ms) return;
  k.renew = k.carries = false;
  ++k.tries;
  mender_.give(ports_[i], PortMender::Job::Recover);
  enter(i, PortState::Recovering, now_ms);
}

void PortKeeper::take_results(uint64_t now_ms) {
  while (const auto result = mender_.take()) {
    Port& port = *result->port;
    const unsigned i = port.position();
    Kept& k = kept_[i];
    if (result->job == PortMender::Job::GiveBack) {
      if (!result->error.empty()) {
        failed(i, now_ms, result->error, k.gone_tries);
        continue;
      }
      k.trouble = "the device was taken away";
      port.gate().link_up.store(false, std::memory_order_relaxed);
      enter(i, PortState::Gone, now_ms);
      change(i, "removed", "given back; the other ports go on");
      continue;
    }
    for (const std::string& remark : port.take_remarks()) {
      spdlog::warn("port {}: {}", port.config().name, remark);
    }
    if (result->error.empty()) {
      recovered(i, now_ms);
      continue;
    }
    if (is_gone(i)) port.news().post(kNewsRemoved);
    failed(i, now_ms, result->error, k.tries);
  }
}

void PortKeeper::failed(unsigned i, uint64_t now_ms, const std::string& why, unsigned tries) {
  Kept& k = kept_[i];
  ++k.counts.failures;
  k.trouble = why;
  k.next_try_ms = now_ms + delay_ms(tries);
  enter(i, PortState::Waiting, now_ms);
  change(i, "failed", why + "; next try in " + std::to_string(delay_ms(tries)) + " ms");
}

void PortKeeper::recovered(unsigned i, uint64_t now_ms) {
  Port& port = ports_[i];
  Kept& k = kept_[i];
  port.lend(false);
  port.update_link();
  follower_.started_anew(i);
  k.trouble.clear();
  ++k.counts.recoveries;
  enter(i, PortState::Working, now_ms);
  port.gate().open.store(true, std::memory_order_release);
  change(i, "recovered", "after " + std::to_string(now_ms - k.out_ms) + " ms; flows were kept");
}

// The device is not there any more, though nobody said so.
bool PortKeeper::is_gone(unsigned i) const {
  const Port& port = ports_[i];
  if (!port.is_open() || !rte_eth_dev_is_valid_port(port.id())) return true;
  if (rte_eth_dev_is_removed(port.id()) == 1) return true;
  return port.config().is_pci && !pci_device(port.config().device).present;
}

void PortKeeper::follow(uint64_t now_ms) {
  std::vector<bool> up;
  std::vector<LinkHold> before;
  for (unsigned i = 0; i < kept_.size(); ++i) {
    const Kept& k = kept_[i];
    // A reset that is over soon is nobody else's business.
    const bool brief = k.state != PortState::Gone && k.had_link && now_ms - k.out_ms < kOutageMs;
    up.push_back(k.state == PortState::Working ? ports_[i].link_up() : brief);
    before.push_back(follower_.hold(i));
  }
  follower_.turn(up, now_ms);
  for (unsigned i = 0; i < kept_.size(); ++i) {
    const LinkHold now = follower_.hold(i);
    const int stuck = now == LinkHold::Held ? follower_.error(i) : 0;
    if (stuck != 0 && kept_[i].let_up_error == 0) {
      spdlog::warn(
          "port {}: its link is to be let up again, which the driver refuses ({}); tried on",
          ports_[i].config().name, rte_strerror(-stuck));
    }
    kept_[i].let_up_error = stuck;
    if (now == before[i]) continue;
    const std::string& peer = ports_[i].config().peer;
    if (now == LinkHold::Held) {
      change(i, "link_held", "its link was taken down, as that of " + peer + " is lost");
    } else if (now == LinkHold::Refused) {
      spdlog::warn("port {}: {} has lost its link, but the driver cannot take this one down ({})",
                   ports_[i].config().name, peer, rte_strerror(-follower_.error(i)));
    } else if (before[i] == LinkHold::Held) {
      change(i, "link_released", "its link is let up, as that of " + peer + " is back");
    }
  }
}

void PortKeeper::change(unsigned i, std::string_view what, const std::string& detail) {
  std::string words(what);
  std::replace(words.begin(), words.end(), '_', ' ');
  const bool good = what == "recovered" || what == "link_up" || what == "link_released";
  spdlog::log(good ? spdlog::level::info : spdlog::level::warn, "port {}: {}{}",
              ports_[i].config().name, words, detail.empty() ? "" : ": " + detail);
  if (on_change) on_change(i, what, detail);
}

}  // namespace sluice

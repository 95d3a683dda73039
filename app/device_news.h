// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What drivers tell of a device by themselves: link changed, reset by the PF,
// about to go. DPDK calls back on its interrupt thread, where nothing may be
// done to the device: a bit is left for the control loop, no more.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace sluice {

enum DeviceNewsBit : uint32_t {
  kNewsLink = 1,     // the link has changed
  kNewsReset = 2,    // the PF was reset or is going down: the device has to be set up anew
  kNewsRemoved = 4,  // the device goes, or is gone
  kNewsRenew = 8,    // nobody said so, but it may have been reset: to be set up anew
};

class DeviceNews {
 public:
  DeviceNews() = default;
  ~DeviceNews() { unsubscribe(); }
  DeviceNews(const DeviceNews&) = delete;
  DeviceNews& operator=(const DeviceNews&) = delete;

  // Any thread; never waits.
  void post(uint32_t bits) noexcept { bits_.fetch_or(bits, std::memory_order_release); }
  // What has come since the last call. Control thread.
  uint32_t take() noexcept { return bits_.exchange(0, std::memory_order_acquire); }

  // ---- the thread that has the port ----

  // `device`: its name on its bus. What the driver never tells is never posted.
  void subscribe(uint16_t port_id, const std::string& device);
  void unsubscribe() noexcept;  // waits for a callback that is at work

 private:
  std::atomic<uint32_t> bits_{0};
  uint16_t port_id_ = 0;
  std::string device_;
  bool subscribed_ = false;
};

}  // namespace sluice

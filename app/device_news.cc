// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// DPDK's device events are still experimental in 22.11.
#define ALLOW_EXPERIMENTAL_API

#include "app/device_news.h"

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

namespace sluice {

namespace {

constexpr unsigned kUnsubscribeTries = 1000;  // of 1 ms: a callback takes microseconds

struct Event {
  rte_eth_event_type type;
  DeviceNewsBit bit;
};
constexpr Event kEvents[] = {
    {RTE_ETH_EVENT_INTR_LSC, kNewsLink},
    {RTE_ETH_EVENT_INTR_RESET, kNewsReset},
    {RTE_ETH_EVENT_INTR_RMV, kNewsRemoved},
};

int on_port_event(uint16_t, rte_eth_event_type type, void* news, void*) {
  for (const Event& event : kEvents) {
    if (event.type == type) static_cast<DeviceNews*>(news)->post(event.bit);
  }
  return 0;
}

// The kernel asks vfio's user for the device: its driver's removal, or that of
// the PF's VFs, waits until we let go.
void on_device_event(const char*, rte_dev_event_type type, void* news) {
  if (type == RTE_DEV_EVENT_REMOVE) static_cast<DeviceNews*>(news)->post(kNewsRemoved);
}

template <typename F>
void until_idle(F&& unregister) noexcept {
  for (unsigned i = 0; i < kUnsubscribeTries && unregister() == -EAGAIN; ++i)
    rte_delay_us_sleep(1000);
}

}  // namespace

void DeviceNews::subscribe(uint16_t port_id, const std::string& device) {
  unsubscribe();
  port_id_ = port_id;
  device_ = device;
  subscribed_ = true;
  for (const Event& event : kEvents) {
    rte_eth_dev_callback_register(port_id, event.type, on_port_event, this);
  }
  rte_dev_event_callback_register(device_.c_str(), on_device_event, this);
}

void DeviceNews::unsubscribe() noexcept {
  if (!subscribed_) return;
  subscribed_ = false;
  for (const Event& event : kEvents) {
    until_idle(
        [&] { return rte_eth_dev_callback_unregister(port_id_, event.type, on_port_event, this); });
  }
  until_idle(
      [&] { return rte_dev_event_callback_unregister(device_.c_str(), on_device_event, this); });
}

}  // namespace sluice

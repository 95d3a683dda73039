// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Where packets come from and go to: one virtual call a burst, so that a NIC
// queue, a capture and a test look alike to a worker.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "chain/reasons.h"

namespace sluice {

// One receive queue of one port, polled by one worker.
class Input {
 public:
  virtual ~Input() = default;
  // Up to `n` packets, each a single segment; the caller owns them. Worker.
  virtual uint16_t receive(rte_mbuf** pkts, uint16_t n) noexcept = 0;
  // The input wrote PacketMeta::time_ns itself (replay); else the worker does.
  virtual bool has_own_clock() const noexcept { return false; }
  // Nothing will ever come again. Worker.
  virtual bool exhausted() const noexcept { return false; }

  uint16_t port = 0;                // position in Config::ports
  bool verify_ip_checksum = false;  // in software
  bool verify_by_flags = false;     // by the NIC's flags in ol_flags, IP and transport
  bool split_horizon = false;       // of a wire's end: chain/split_horizon.h
};

// One transmit queue of one port, used by one worker.
class Output {
 public:
  virtual ~Output() = default;
  // Takes over the first `return value` packets; the rest stays the caller's. Worker.
  virtual uint16_t transmit(rte_mbuf** pkts, uint16_t n) noexcept = 0;
  // Why transmit() did not take the last packets. Worker.
  virtual Reason refusal() const noexcept { return reason(CoreReason::TxFull); }
};

}  // namespace sluice

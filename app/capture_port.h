// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Captures as ports: what `replay` gives a lane instead of NIC queues. Reading
// and writing happen on the worker's thread and use the heap, which a
// production port never does.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "app/capture_reader.h"
#include "app/capture_writer.h"
#include "chain/port_io.h"

struct rte_mempool;

namespace sluice {

class Appliance;
struct WorkerStatistics;

// mbufs for CaptureInput: without data room, their frames lie in the heap.
// Throws std::runtime_error. The caller frees it.
rte_mempool* create_capture_pool(const std::string& name, unsigned mbufs);

// Every frame lies in a heap buffer of its exact length, so that the address
// sanitizer sees a read of one byte too many.
class CaptureInput final : public Input {
 public:
  // Both outlive the input; `pool` is one of create_capture_pool().
  CaptureInput(CaptureReader& reader, rte_mempool* pool, uint16_t port_index);

  // From here on packets come one at a time, each when the one before has left
  // the appliance: what a stage sees of the stages before it is then the same
  // wherever they run. Before the workers start.
  void go_in_step_with(const Appliance& appliance);

  // No mbuf free: fewer packets, and the frame waits for the next call.
  uint16_t receive(rte_mbuf** pkts, uint16_t n) noexcept override;
  bool has_own_clock() const noexcept override { return true; }
  bool exhausted() const noexcept override { return exhausted_; }

  // ---- any thread; about ----
  uint64_t frames() const noexcept { return frames_.load(std::memory_order_relaxed); }
  uint64_t position_bytes() const noexcept { return position_.load(std::memory_order_relaxed); }

  // ---- when the worker is done ----
  uint64_t bytes() const noexcept { return bytes_; }
  uint64_t first_ns() const noexcept { return first_ns_; }  // earliest and latest time seen
  uint64_t last_ns() const noexcept { return last_ns_; }

 private:
  bool all_have_left() const noexcept;

  CaptureReader& reader_;
  rte_mempool* pool_;
  std::vector<const WorkerStatistics*> workers_;  // empty: not in step
  size_t reasons_ = 0;
  CapturedFrame frame_;
  bool waiting_ = false;  // frame_ has been read and not yet received
  bool exhausted_ = false;
  std::atomic<uint64_t> frames_{0};
  std::atomic<uint64_t> position_{0};
  uint64_t bytes_ = 0;
  uint64_t first_ns_ = UINT64_MAX;
  uint64_t last_ns_ = 0;
};

// Takes every packet; writes it down where there is a file.
class CaptureOutput final : public Output {
 public:
  explicit CaptureOutput(CaptureWriter* writer) : writer_(writer) {}  // may be null

  uint16_t transmit(rte_mbuf** pkts, uint16_t n) noexcept override;

 private:
  CaptureWriter* writer_;
};

}  // namespace sluice

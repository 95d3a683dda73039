// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/capture_port.h"

#include <rte_errno.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include "chain/appliance.h"
#include "chain/packet_meta.h"
#include "chain/worker.h"

namespace sluice {

namespace {

constexpr uint16_t kPrivateSize =
    RTE_ALIGN_CEIL(sizeof(rte_mbuf_ext_shared_info), RTE_MBUF_PRIV_ALIGN);
constexpr unsigned kPoolCache = 128;

void free_frame(void*, void* memory) {
  std::free(memory);
}

// False where there is no mbuf. A frame that finds no memory is a fault of the
// machine: std::terminate tells of it better than a packet that never was.
bool attach_frame(rte_mempool* pool, std::span<const uint8_t> bytes, rte_mbuf*& out) {
  rte_mbuf* m = rte_pktmbuf_alloc(pool);
  if (m == nullptr) return false;
  const size_t size = bytes.size();
  // A frame of no bytes lies behind its one byte: that is none of its own.
  auto* memory = static_cast<uint8_t*>(std::malloc(std::max<size_t>(size, 1)));
  if (memory == nullptr) throw std::bad_alloc();
  uint8_t* buffer = size == 0 ? memory + 1 : memory;
  std::copy(bytes.begin(), bytes.end(), buffer);
  auto* shared = static_cast<rte_mbuf_ext_shared_info*>(rte_mbuf_to_priv(m));
  shared->free_cb = free_frame;
  shared->fcb_opaque = memory;
  rte_mbuf_ext_refcnt_set(shared, 1);
  rte_pktmbuf_attach_extbuf(m, buffer, RTE_BAD_IOVA, static_cast<uint16_t>(size), shared);
  m->data_len = static_cast<uint16_t>(size);
  m->pkt_len = static_cast<uint32_t>(size);
  out = m;
  return true;
}

}  // namespace

rte_mempool* create_capture_pool(const std::string& name, unsigned mbufs) {
  rte_mempool* pool =
      rte_pktmbuf_pool_create(name.c_str(), mbufs, kPoolCache, kPrivateSize, 0, SOCKET_ID_ANY);
  if (pool == nullptr) {
    throw std::runtime_error("no memory for " + std::to_string(mbufs) +
                             " packets: " + rte_strerror(rte_errno));
  }
  return pool;
}

CaptureInput::CaptureInput(CaptureReader& reader, rte_mempool* pool, uint16_t port_index)
    : reader_(reader), pool_(pool) {
  port = port_index;
}

void CaptureInput::go_in_step_with(const Appliance& appliance) {
  for (unsigned i = 0; i < appliance.workers().size(); ++i) {
    workers_.push_back(&appliance.worker_statistics(i));
  }
  reasons_ = appliance.reasons().size();
}

// Conservation, read from outside: what has come in, has gone out, was dropped
// or is held for its other fragments. Other workers write these words.
bool CaptureInput::all_have_left() const noexcept {
  const auto load = [](const uint64_t& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); };
  uint64_t in = 0, out = 0;
  for (const WorkerStatistics* worker : workers_) {
    // Passed over and not yet taken over: on its way between two lanes.
    in += load(worker->received) + load(worker->generated) - load(worker->taken_over);
    out += load(worker->transmitted) - load(worker->passed_over) + load(worker->held);
    for (size_t r = 0; r < reasons_; ++r) out += load(worker->dropped[r]);
  }
  return in == out;
}

uint16_t CaptureInput::receive(rte_mbuf** pkts, uint16_t n) noexcept {
  uint16_t received = 0;
  if (!workers_.empty()) {
    if (!all_have_left()) return 0;
    n = std::min<uint16_t>(n, 1);
  }
  while (received < n && !exhausted_) {
    if (!waiting_) {
      if (!reader_.next(frame_)) {
        exhausted_ = true;
        break;
      }
      waiting_ = true;
    }
    if (!attach_frame(pool_, frame_.bytes, pkts[received])) break;
    waiting_ = false;
    rte_mbuf* m = pkts[received++];
    meta(m).time_ns = frame_.time_ns;
    bytes_ += frame_.bytes.size();
    first_ns_ = std::min(first_ns_, frame_.time_ns);
    last_ns_ = std::max(last_ns_, frame_.time_ns);
  }
  frames_.store(frames_.load(std::memory_order_relaxed) + received, std::memory_order_relaxed);
  position_.store(reader_.position_bytes(), std::memory_order_relaxed);
  return received;
}

uint16_t CaptureOutput::transmit(rte_mbuf** pkts, uint16_t n) noexcept {
  for (uint16_t i = 0; i < n; ++i) {
    rte_mbuf* m = pkts[i];
    if (writer_ != nullptr) {
      writer_->write({rte_pktmbuf_mtod(m, const uint8_t*), m->data_len}, meta(m).time_ns);
    }
  }
  rte_pktmbuf_free_bulk(pkts, n);
  return n;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/event.h"

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

namespace sluice {

namespace {

struct RteFree {
  void operator()(void* memory) const noexcept { rte_free(memory); }
};

// A ring in memory of its own: rings of rte_ring_create() live in a registry
// by name, which nobody needs to look these up in.
std::unique_ptr<rte_ring, RteFree> make_ring(const std::string& name, unsigned records,
                                             int socket_id) {
  const unsigned count = rte_align32pow2(records + 1);
  const ssize_t bytes = rte_ring_get_memsize(count);
  void* memory =
      bytes < 0 ? nullptr : rte_zmalloc_socket("event_ring", bytes, RTE_CACHE_LINE_SIZE, socket_id);
  if (memory == nullptr) throw std::runtime_error("no memory for the event ring " + name);
  std::unique_ptr<rte_ring, RteFree> ring(static_cast<rte_ring*>(memory));
  const std::string short_name = name.substr(0, RTE_RING_NAMESIZE - 1);
  if (rte_ring_init(ring.get(), short_name.c_str(), count, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
    throw std::runtime_error("event ring " + name + ": " + rte_strerror(rte_errno));
  }
  return ring;
}

}  // namespace

void Event::set_text(EventText field, std::string_view value) noexcept {
  size_t offset = 0;
  for (unsigned i = 0; i < field; ++i) offset += text_len[i];
  const size_t old = text_len[field];
  const size_t behind = text_used - offset - old;
  const size_t size = std::min(value.size(), kTextCapacity - (text_used - old));
  std::memmove(text + offset + size, text + offset + old, behind);
  std::memcpy(text + offset, value.data(), size);
  text_len[field] = static_cast<uint16_t>(size);
  text_used = static_cast<uint16_t>(offset + size + behind);
}

std::string_view Event::get_text(EventText field) const noexcept {
  size_t offset = 0;
  for (unsigned i = 0; i < field; ++i) offset += text_len[i];
  return {text + offset, text_len[field]};
}

struct EventQueue::Pool {
  Pool(const std::string& name, unsigned records, int socket_id, EventQueue* owner)
      : count(records),
        free(make_ring(name + "_free", records, socket_id)),
        // Any worker of the lane may have allocated what this one publishes,
        // so there is room for the records of all of them.
        ready(make_ring(name + "_ready", records * kMaxStages, socket_id)) {
    void* memory =
        rte_malloc_socket("events", sizeof(Event) * records, RTE_CACHE_LINE_SIZE, socket_id);
    if (memory == nullptr) {
      throw std::runtime_error("no memory for " + std::to_string(records) + " events of " + name);
    }
    events.reset(static_cast<Event*>(memory));
    for (unsigned i = 0; i < records; ++i) {
      events.get()[i].owner = owner;
      rte_ring_sp_enqueue(free.get(), events.get() + i);
    }
  }

  bool owns(const Event* event) const noexcept {
    return event >= events.get() && event < events.get() + count;
  }

  unsigned count;
  std::unique_ptr<Event, RteFree> events;
  std::unique_ptr<rte_ring, RteFree> free;   // event writer -> owning worker
  std::unique_ptr<rte_ring, RteFree> ready;  // publishing worker -> event writer
};

EventQueue::EventQueue(const char* name, unsigned flow_events, unsigned alert_events, int socket_id)
    : flows_(std::make_unique<Pool>(std::string(name) + "_f", flow_events, socket_id, this)),
      alerts_(std::make_unique<Pool>(std::string(name) + "_a", alert_events, socket_id, this)) {}

EventQueue::~EventQueue() = default;

Event* EventQueue::allocate(EventType type) noexcept {
  if (!enabled) return nullptr;
  Pool& pool = type == EventType::Alert || type == EventType::Drop ? *alerts_ : *flows_;
  void* record = nullptr;
  while (rte_ring_sc_dequeue(pool.free.get(), &record) != 0) {
    if (!wait_when_empty) {
      ++lost_;
      return nullptr;
    }
    sched_yield();
  }
  auto* event = static_cast<Event*>(record);
  // The text needs no zeroing: text_len says what of it counts.
  std::memset(static_cast<void*>(event), 0, offsetof(Event, text));
  event->type = type;
  return event;
}

unsigned EventQueue::free_flow_records() const noexcept {
  return enabled ? rte_ring_count(flows_->free.get()) : flows_->count;
}

void EventQueue::publish(Event* event) noexcept {
  Pool& pool =
      event->type == EventType::Alert || event->type == EventType::Drop ? *alerts_ : *flows_;
  [[maybe_unused]] const int full = rte_ring_sp_enqueue(pool.ready.get(), event);
  RTE_ASSERT(full == 0);
}

unsigned EventQueue::take(Event** out, unsigned n) noexcept {
  auto** records = reinterpret_cast<void**>(out);
  unsigned taken = rte_ring_sc_dequeue_burst(alerts_->ready.get(), records, n, nullptr);
  taken += rte_ring_sc_dequeue_burst(flows_->ready.get(), records + taken, n - taken, nullptr);
  return taken;
}

void EventQueue::recycle(Event* event) noexcept {
  EventQueue& owner = *event->owner;
  Pool& pool = owner.alerts_->owns(event) ? *owner.alerts_ : *owner.flows_;
  rte_ring_sp_enqueue(pool.free.get(), event);
}

uint64_t EventQueue::lost() const noexcept {
  return lost_;
}

void describe_flow(Event& event, const Flow& flow) noexcept {
  const FlowContext& c = context(flow);
  event.key = flow.key;
  event.originator_end = flow.originator_end;
  event.chain = flow.chain;
  event.state = flow.state;
  event.end_reason = flow.end_reason;
  event.first_seen_ns = flow.first_seen_ns;
  event.last_seen_ns = flow.last_seen_ns;
  for (unsigned d = 0; d < 2; ++d) {
    event.bytes[d] = flow.bytes[d];
    event.packets[d] = flow.packets[d];
    event.tcp_flags[d] = flow.tcp_flags[d];
  }
  event.source_identity = c.source_identity;
  event.destination_identity = c.destination_identity;
  event.source_groups = c.source_groups;
  event.destination_groups = c.destination_groups;
  event.rule = c.rule;
  event.app_master = c.app_master;
  event.app = c.app;
  event.app_category = c.app_category;
  event.app_confidence = c.app_confidence;
  event.app_progress = c.app_progress;
  event.app_risks = c.app_risks;
  if (event.type != EventType::Flow) return;
  event.ingress = flow.ingress[0];
  if (c.host != nullptr && event.text_len[kTextHost] == 0) {
    event.set_text(kTextHost, {c.host->text, c.host->length});
  }
}

}  // namespace sluice

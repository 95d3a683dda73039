// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/flow_reporter.h"

#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>

#include "stages/dpi/event_text.h"
#include "stages/dpi/protocol/dns_transaction.h"

namespace sluice {

namespace {

// A flow's name in the arena, one of the ring of those that it has had. What a
// later worker may read of it, it never changes.
struct NamedHost {
  NamedHost* next;
  HostName host;

  static constexpr size_t kHeader = offsetof(HostName, text) + sizeof(NamedHost*);
  std::string_view view() const noexcept { return {host.text, host.length}; }
  static NamedHost* of(const HostName* host) noexcept {
    if (host == nullptr) return nullptr;
    auto* bytes = reinterpret_cast<std::byte*>(const_cast<HostName*>(host));
    return reinterpret_cast<NamedHost*>(bytes - sizeof(NamedHost*));
  }
};
static_assert(offsetof(NamedHost, host) == sizeof(NamedHost*));

// A host's name and all others that its flow has had.
void free_names(const HostName* host) noexcept {
  NamedHost* const present = NamedHost::of(host);
  if (present == nullptr) return;
  for (NamedHost* other = present->next; other != present;) {
    arena_free(std::exchange(other, other->next));
  }
  arena_free(present);
}

}  // namespace

FlowReporter::FlowReporter(EventQueue* events, uint16_t lane, size_t host_bytes, bool prefault,
                           unsigned under_way, DpiCounters& counters)
    : events_(events),
      lane_(lane),
      hosts_(host_bytes + size_t{under_way} * kHostBytes, prefault),
      ended_(under_way),
      counters_(counters) {}

FlowReporter::~FlowReporter() {
  for (const HostName* host : ended_) free_names(host);
}

bool FlowReporter::advanced(Flow& flow, const Transaction& t, const Where& where) noexcept {
  static constexpr Buffer kNames[] = {Buffer::HttpHost, Buffer::TlsSni, Buffer::QuicSni,
                                      Buffer::DnsQuery};
  bool named = false;
  const uint64_t asked = t.fresh[static_cast<size_t>(Direction::Original)];
  if ((asked & buffer_bit(Buffer::HttpMethod)) != 0) ++counters_.http_requests;
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    const uint64_t fresh = t.fresh[static_cast<size_t>(of)];
    for (const Buffer name : kNames) {
      if ((fresh & buffer_bit(name)) == 0) continue;
      named = name_host(flow, as_text(t.view(name, of).bytes())) || named;
      if (name != Buffer::DnsQuery) continue;
      ++counters_.dns_queries;
      tell(flow, t, where);
    }
  }
  return named;
}

bool FlowReporter::name_host(Flow& flow, std::string_view name) noexcept {
  const Host told(name);
  if (told.view().empty()) return false;
  std::atomic_ref<const HostName*> host(context(flow).host);
  NamedHost* const present = NamedHost::of(host.load(std::memory_order_relaxed));
  if (present != nullptr && present->view() == told.view()) return false;
  NamedHost* named = nullptr;
  if (present != nullptr) {
    unsigned names = 1;
    for (named = present->next; named != present && named->view() != told.view();
         named = named->next) {
      ++names;
    }
    if (named == present) named = nullptr;
    if (named == nullptr && names == kMaxNames) return false;
  }
  if (named == nullptr) {
    // No longer than the name needs: HostName's text is read up to its length.
    void* memory = hosts_.allocate(NamedHost::kHeader + told.view().size());
    if (memory == nullptr) {
      ++counters_.hosts_lost;
      return false;
    }
    named = static_cast<NamedHost*>(memory);
    named->next = present != nullptr ? std::exchange(present->next, named) : named;
    named->host.length = static_cast<uint8_t>(told.view().size());
    std::memcpy(named->host.text, told.view().data(), told.view().size());
  }
  host.store(&named->host, std::memory_order_release);
  return true;
}

bool FlowReporter::name_unnamed(Flow& flow, std::string_view name) noexcept {
  return context(flow).host == nullptr && name_host(flow, name);
}

void FlowReporter::forget_host(Flow& flow) noexcept {
  FlowContext& c = context(flow);
  if (c.host == nullptr) return;
  if (ended_.empty()) {
    free_names(std::exchange(c.host, nullptr));
    return;
  }
  free_names(std::exchange(ended_[next_ended_], c.host));
  if (++next_ended_ == ended_.size()) next_ended_ = 0;
}

}  // namespace sluice

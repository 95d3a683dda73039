// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_table.h"

#include <netinet/in.h>

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
#endif

#include <algorithm>
#include <cassert>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr size_t kTailUnit = 8;
constexpr size_t kTailMax = size_t{1} << 20;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr unsigned kRivals = 8;  // established flows of which the longest silent one goes
constexpr uint32_t kNoCandidate = kNoEntry;

enum TimeoutKind : uint8_t { kByState, kIcmp, kOther };

size_t round_up(size_t size, size_t unit) {
  return (size + unit - 1) / unit * unit;
}

uint32_t checked_capacity(const FlowTableOptions& options) {
  if (options.capacity < FlowTable::kMaxBurst || options.capacity > (1U << 28)) {
    throw std::invalid_argument("flow table: capacity must be 64 .. 2^28");
  }
  if (options.tail_size > kTailMax) {
    throw std::invalid_argument("flow table: tail must not exceed 1 MiB");
  }
  return options.capacity;
}

uint32_t spare_of(uint32_t capacity) {
  return std::max(capacity / 128, 64U);
}

size_t side_size(uint32_t capacity, uint32_t entries) {
  return size_t{entries} * sizeof(FlowLink) + size_t{capacity} * 2 * sizeof(uint32_t);
}

bool ended(const Flow& flow) {
  return (flow.flags & kFlowEnded) != 0;
}

}  // namespace

FlowTimeouts FlowTimeouts::defaults() {
  FlowTimeouts timeouts{};
  auto set = [&](FlowState state, uint64_t seconds) {
    timeouts.by_state_ns[static_cast<size_t>(state)] = seconds * kSecond;
  };
  set(FlowState::New, 30);
  set(FlowState::Replied, 120);
  set(FlowState::SynSent, 30);
  set(FlowState::SynReceived, 30);
  set(FlowState::Established, 7440);  // RFC 5382: no less than two hours and four minutes
  set(FlowState::PickedUp, 300);
  set(FlowState::FinWait, 120);
  set(FlowState::Closing, 30);
  set(FlowState::TimeWait, 10);
  set(FlowState::Reset, 5);
  timeouts.icmp_ns = 30 * kSecond;
  timeouts.other_ns = 120 * kSecond;
  return timeouts;
}

FlowTable::FlowTable(const FlowTableOptions& options)
    : hash_(options.seed),
      index_(checked_capacity(options), options.huge_pages, options.socket_id),
      tail_size_(round_up(options.tail_size, kTailUnit)),
      capacity_(options.capacity),
      entry_count_(options.capacity + spare_of(options.capacity)),
      established_max_(options.capacity - options.capacity / 64),
      memory_(entry_size() * entry_count_ + side_size(capacity_, entry_count_), options.huge_pages,
              options.socket_id),
      links_(reinterpret_cast<FlowLink*>(memory_.data() + entry_size() * entry_count_)),
      ageing_(reinterpret_cast<uint32_t*>(links_ + entry_count_),
              reinterpret_cast<uint32_t*>(links_ + entry_count_) + capacity_, capacity_) {
  heads_ = reinterpret_cast<Flow*>(memory_.data());
  tails_ = memory_.data() + size_t{entry_count_} * Flow::kHeadSize;
  timeouts_ns_[kByState] = options.timeouts.by_state_ns;
  timeouts_ns_[kIcmp].fill(options.timeouts.icmp_ns);
  timeouts_ns_[kOther].fill(options.timeouts.other_ns);
  kind_of_proto_.fill(kOther);
  kind_of_proto_[IPPROTO_TCP] = kByState;
  kind_of_proto_[IPPROTO_UDP] = kByState;
  kind_of_proto_[IPPROTO_ICMP] = kIcmp;
  kind_of_proto_[IPPROTO_ICMPV6] = kIcmp;
}

FlowTable::~FlowTable() {
  // The mapping goes back to the kernel; whoever gets its addresses next must not find them
  // poisoned.
  ASAN_UNPOISON_MEMORY_REGION(memory_.data(), memory_.size());
}

void FlowTable::lookup_bulk(const FlowKey* const* keys, unsigned n, uint64_t now_ns,
                            uint64_t* hashes, Flow** out) noexcept {
  assert(n <= kMaxBurst);
  now_ns_ = now_ns;
  uint32_t candidate[kMaxBurst];
  uint8_t stray[kMaxBurst];
  unsigned strays = 0;

  for (unsigned i = 0; i < n; ++i) {
    hashes[i] = hash_(*keys[i]);
    __builtin_prefetch(&index_.home(hashes[i]));
  }
  for (unsigned i = 0; i < n; ++i) {
    const FlowIndex::Bucket& bucket = index_.home(hashes[i]);
    const FlowIndex::Matches matches = FlowIndex::match_home(bucket, hashes[i]);
    if (!matches.empty()) [[likely]] {
      candidate[i] = bucket.entry[matches.slot()];
      prefetch_entry(candidate[i]);
    } else {
      candidate[i] = kNoCandidate;
      if (bucket.strays != 0) {
        stray[strays++] = static_cast<uint8_t>(i);
        __builtin_prefetch(&index_.away(hashes[i]));
      }
    }
  }
  for (unsigned s = 0; s < strays; ++s) {
    const unsigned i = stray[s];
    const FlowIndex::Bucket& bucket = index_.away(hashes[i]);
    const FlowIndex::Matches matches = FlowIndex::match_away(bucket, hashes[i]);
    if (matches.empty()) continue;
    candidate[i] = bucket.entry[matches.slot()];
    prefetch_entry(candidate[i]);
  }
  for (unsigned i = 0; i < n; ++i) {
    if (candidate[i] == kNoCandidate) {
      out[i] = nullptr;
      continue;
    }
    Flow* flow = &entry(candidate[i]);
    // A candidate may have ended since: by the time-out that an earlier packet of it met.
    if (!same_key(flow->key, *keys[i]) || ended(*flow)) [[unlikely]] {
      flow = find(*keys[i], hashes[i]);
      if (flow == nullptr) {
        out[i] = nullptr;
        continue;
      }
    }
    if (expired(*flow, now_ns)) [[unlikely]] {
      finish(*flow, EndReason::Timeout);
      flow = nullptr;
    }
    out[i] = flow;
  }
}

Flow* FlowTable::find(const FlowKey& key, uint64_t hash) noexcept {
  const FlowIndex::Bucket& home = index_.home(hash);
  for (auto m = FlowIndex::match_home(home, hash); !m.empty(); m.next()) {
    Flow& flow = entry(home.entry[m.slot()]);
    if (same_key(flow.key, key)) return &flow;
  }
  if (home.strays == 0) return nullptr;
  const FlowIndex::Bucket& away = index_.away(hash);
  for (auto m = FlowIndex::match_away(away, hash); !m.empty(); m.next()) {
    Flow& flow = entry(away.entry[m.slot()]);
    if (same_key(flow.key, key)) return &flow;
  }
  return nullptr;
}

Flow* FlowTable::lookup(const FlowKey& key, uint64_t now_ns) noexcept {
  now_ns_ = now_ns;
  Flow* flow = find(key, hash_(key));
  if (flow == nullptr || !expired(*flow, now_ns)) return flow;
  finish(*flow, EndReason::Timeout);
  return nullptr;
}

uint32_t FlowTable::take_entry() noexcept {
  if (free_ == kNoEntry) return fresh_++;
  const uint32_t index = free_;
  free_ = links_[index].next;
  if (free_ != kNoEntry) {
    prefetch_entry(free_);
    __builtin_prefetch(tail(free_), 1);
  }
  return index;
}

bool FlowTable::insert(uint32_t index, uint64_t hash) noexcept {
  const FlowIndex::Insert result = index_.insert(hash, index);
  if (result == FlowIndex::Insert::Displaced) ++counters_.index_displaced;
  return result != FlowIndex::Insert::Full;
}

Flow* FlowTable::create(const FlowKey& key, uint64_t hash, uint8_t originator_end,
                        uint64_t now_ns) noexcept {
  assert(find(key, hash) == nullptr);
  now_ns_ = now_ns;
  // What is free decides only whether, never who: later workers' delay must not show.
  if (live_ + pending_ == entry_count_) {
    ++counters_.create_failed;
    return nullptr;
  }
  if (fresh_ == 0) ageing_.start(now_ns);
  if (live_ == capacity_) evict_newcomer();
  const uint32_t index = take_entry();
  Flow& flow = entry(index);
  ASAN_UNPOISON_MEMORY_REGION(tail(index), tail_size_);
  std::memset(static_cast<void*>(&flow), 0, sizeof(Flow));
  std::memset(tail(index), 0, tail_size_);
  flow.key = key;
  flow.first_seen_ns = now_ns;
  flow.last_seen_ns = now_ns;
  flow.tail_distance =
      static_cast<uint32_t>((tail(index) - reinterpret_cast<std::byte*>(&flow)) / kTailUnit);
  flow.ingress[0] = flow.ingress[1] = Flow::kNoIngress;
  flow.originator_end = originator_end;
  if (!insert(index, hash)) [[unlikely]] {
    evict_rival(hash);
    insert(index, hash);
  }
  links_[index].seat = ageing_.take_seat(index, now_ns, timeout_ns(flow));
  enlist(flow);
  ++live_;
  ++counters_.created;
  return &flow;
}

void FlowTable::enlist(Flow& flow) noexcept {
  by_class_[static_cast<size_t>(flow.value)].push_back(links_, index_of(flow));
}

void FlowTable::promote(Flow& flow, FlowClass value) noexcept {
  assert(!ended(flow));
  if (flow.value == value) return;
  by_class_[static_cast<size_t>(flow.value)].remove(links_, index_of(flow));
  flow.value = value;
  FlowList& established = by_class_[static_cast<size_t>(FlowClass::Established)];
  if (value == FlowClass::Established && established.size() >= established_max_) {
    evict_established();
  }
  enlist(flow);
}

void FlowTable::evict(Flow& flow) noexcept {
  finish(flow, expired(flow, now_ns_) ? EndReason::Timeout : EndReason::Evicted);
}

// Established flows never fill the table, so there is always one of the others.
void FlowTable::evict_newcomer() noexcept {
  const FlowList& provisional = by_class_[static_cast<size_t>(FlowClass::Provisional)];
  const FlowList& half_open = by_class_[static_cast<size_t>(FlowClass::HalfOpen)];
  assert(!provisional.empty() || !half_open.empty());
  evict(entry(provisional.empty() ? half_open.head() : provisional.head()));
}

// Of the first few in the queue the one that has been silent longest. Those of
// them that have been so for less than half of that time go to the queue's end,
// so that who speaks is not asked again soon.
void FlowTable::evict_established() noexcept {
  FlowList& list = by_class_[static_cast<size_t>(FlowClass::Established)];
  std::array<Flow*, kRivals> rivals{};
  unsigned n = 0;
  for (uint32_t i = list.head(); i != kNoEntry && n < kRivals; i = links_[i].next) {
    rivals[n++] = &entry(i);
  }
  const auto silence = [this](const Flow* flow) {
    return std::max<int64_t>(static_cast<int64_t>(now_ns_ - flow->last_seen_ns), 0);
  };
  Flow* victim = *std::max_element(rivals.data(), rivals.data() + n,
                                   [&](Flow* a, Flow* b) { return silence(a) < silence(b); });
  const int64_t longest = silence(victim);
  for (unsigned i = 0; i < n; ++i) {
    if (2 * silence(rivals[i]) >= longest) continue;
    list.remove(links_, index_of(*rivals[i]));
    enlist(*rivals[i]);
  }
  evict(*victim);
}

// Both buckets of a new flow and all that their members could move to are
// full: the least valuable of the members goes.
void FlowTable::evict_rival(uint64_t hash) noexcept {
  std::array<uint32_t, 2 * FlowIndex::kSlots> rivals;
  const unsigned n = index_.rivals(hash, rivals);
  const auto* victim = std::min_element(rivals.data(), rivals.data() + n, [&](auto a, auto b) {
    const Flow& x = entry(a);
    const Flow& y = entry(b);
    return std::pair(x.value, x.first_seen_ns) < std::pair(y.value, y.first_seen_ns);
  });
  evict(entry(*victim));
}

void FlowTable::end(Flow& flow, EndReason reason) noexcept {
  finish(flow, reason);
}

void FlowTable::finish(Flow& flow, EndReason reason) noexcept {
  assert(!ended(flow));
  index_.remove(hash_(flow.key), index_of(flow));
  by_class_[static_cast<size_t>(flow.value)].remove(links_, index_of(flow));
  ageing_.give_back(link(flow).seat);
  flow.flags |= kFlowEnded;
  flow.decided = 0;
  flow.end_reason = reason;
  ended_.push_back(links_, index_of(flow));
  --live_;
  ++pending_;
  count(flow);
}

void FlowTable::count(const Flow& flow) noexcept {
  switch (flow.end_reason) {
    case EndReason::None:
      break;
    case EndReason::Timeout:
      ++counters_.ended_timeout;
      break;
    case EndReason::Replaced:
      ++counters_.ended_replaced;
      break;
    case EndReason::Shutdown:
      ++counters_.ended_shutdown;
      break;
    case EndReason::Evicted:
      switch (flow.value) {
        case FlowClass::Provisional:
          ++counters_.evicted_provisional;
          break;
        case FlowClass::HalfOpen:
          ++counters_.evicted_half_open;
          break;
        case FlowClass::Established:
          ++counters_.evicted_established;
          break;
      }
      break;
  }
}

unsigned FlowTable::take_ended(std::span<Flow*> out) noexcept {
  unsigned n = 0;
  while (n < out.size() && !ended_.empty()) out[n++] = &entry(ended_.pop_front(links_));
  return n;
}

void FlowTable::release(Flow& flow) noexcept {
  assert(ended(flow) && pending_ > 0);
  links_[index_of(flow)].next = free_;
  free_ = index_of(flow);
  --pending_;
  // The head stays readable: a late candidate of a look-up compares its key and flags.
  ASAN_POISON_MEMORY_REGION(flow.tail(), tail_size_);
}

void FlowTable::touch_deadline(Flow& flow) noexcept {
  assert(!ended(flow));
  ageing_.lower(link(flow).seat, flow.last_seen_ns, timeout_ns(flow));
}

void FlowTable::age(uint64_t now_ns, unsigned budget) noexcept {
  now_ns_ = now_ns;
  unsigned left = std::min(budget, ageing_.seats_used());
  while (left > 0) {
    std::array<uint32_t, FlowAgeing::kScanMax> due;
    unsigned seats = left;
    const unsigned n = ageing_.scan(now_ns, seats, due);
    left -= seats;
    for (unsigned i = 0; i < n; ++i) __builtin_prefetch(&entry(due[i]), 1);
    for (unsigned i = 0; i < n; ++i) {
      Flow& flow = entry(due[i]);
      if (expired(flow, now_ns)) {
        finish(flow, EndReason::Timeout);
        continue;
      }
      const int64_t silent = std::max<int64_t>(static_cast<int64_t>(now_ns - flow.last_seen_ns), 0);
      ageing_.set(link(flow).seat, now_ns, timeout_ns(flow) - static_cast<uint64_t>(silent));
    }
  }
}

void FlowTable::end_all() noexcept {
  std::vector<std::pair<uint64_t, uint32_t>> order;
  order.reserve(live_);
  for (const FlowList& list : by_class_) {
    for (uint32_t i = list.head(); i != kNoEntry; i = links_[i].next) {
      order.emplace_back(entry(i).first_seen_ns, i);
    }
  }
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return std::memcmp(&entry(a.second).key, &entry(b.second).key, sizeof(FlowKey)) < 0;
  });
  for (const auto& [first_seen_ns, index] : order) {
    Flow& flow = entry(index);
    finish(flow, expired(flow, now_ns_) ? EndReason::Timeout : EndReason::Shutdown);
  }
}

uint32_t FlowTable::size() const noexcept {
  return live_;
}
uint32_t FlowTable::pending() const noexcept {
  return pending_;
}
uint32_t FlowTable::capacity() const noexcept {
  return capacity_;
}
uint32_t FlowTable::entries() const noexcept {
  return entry_count_;
}
size_t FlowTable::entry_size() const noexcept {
  return Flow::kHeadSize + tail_size_;
}

size_t FlowTable::memory_bytes() const noexcept {
  return index_.memory_bytes() + memory_.size();
}

bool FlowTable::uses_huge_pages() const noexcept {
  return index_.huge() && memory_.huge();
}

const FlowTableCounters& FlowTable::counters() const noexcept {
  return counters_;
}

Flow* FlowTable::at(uint32_t index) noexcept {
  if (index >= fresh_) return nullptr;
  Flow& flow = entry(index);
  return ended(flow) ? nullptr : &flow;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/fragments.h"

#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_mempool.h>

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "chain/reasons.h"

namespace sluice {

namespace {

constexpr unsigned kFlatRoom =
    65535 + 128 + RTE_PKTMBUF_HEADROOM;  // a datagram with its link header
constexpr unsigned kExpireBudget = 4;    // datagrams looked at by one expire()

struct Piece {
  rte_mbuf* m;
  uint16_t offset;
  uint16_t length;
  uint16_t data_offset;
};

struct Datagram {
  FragmentHeader id;  // of the first piece that came; address, id, zone and proto identify
  uint64_t deadline_ns;
  uint32_t total;  // payload bytes, known with the last fragment; 0: not yet
  uint32_t have;   // payload bytes collected
  uint16_t count;
  bool used;
  bool poisoned;  // dropped already: what still comes goes the same way until the deadline
  Reason poison;
  Piece piece[kMaxFragments];
};

bool same_datagram(const FragmentHeader& a, const FragmentHeader& b) noexcept {
  // RFC 791 identifies by protocol too, RFC 8200 section 4.5 does not: a
  // receiver ignores the next header of all but the first fragment.
  return a.id == b.id && a.zone == b.zone && a.family == b.family && a.source == b.source &&
         a.destination == b.destination && (a.family == kFamilyIpv6 || a.proto == b.proto);
}

uint32_t hash_of(const FragmentHeader& f) noexcept {
  uint64_t w[4];
  std::memcpy(w, f.source.data(), 16);
  std::memcpy(w + 2, f.destination.data(), 16);
  uint64_t h = f.id * 0x9e3779b97f4a7c15ull + f.zone;
  for (const uint64_t x : w) h = (h ^ x) * 0xff51afd7ed558ccdull, h ^= h >> 32;
  return static_cast<uint32_t>(h);
}

}  // namespace

struct FragmentTable::Impl {
  FragmentOptions options;
  rte_mempool* copies = nullptr;
  std::vector<Datagram> slots;  // open addressing over a few probes
  unsigned used = 0;
  unsigned held = 0;
  unsigned sweep = 0;
  Dropper dropper = nullptr;
  void* context = nullptr;

  static constexpr unsigned kProbes = 8;

  void give_up(rte_mbuf* m, Reason r) noexcept { dropper(context, m, r); }

  void free_slot(Datagram& d) noexcept {
    d.used = false;
    --used;
  }

  void drop_pieces(Datagram& d, Reason r) noexcept {
    for (unsigned i = 0; i < d.count; ++i) give_up(d.piece[i].m, r);
    held -= d.count;
    d.count = 0;
  }

  void poison(Datagram& d, Reason r) noexcept {
    drop_pieces(d, r);
    d.poisoned = true;
    d.poison = r;
  }

  void time_out(Datagram& d) noexcept {
    drop_pieces(d, reason(CoreReason::FragmentTimeout));
    free_slot(d);
  }

  Datagram* find(const FragmentHeader& header, uint64_t now_ns) noexcept {
    const unsigned mask = static_cast<unsigned>(slots.size() - 1);
    const uint32_t h = hash_of(header);
    Datagram* empty = nullptr;
    for (unsigned i = 0; i < kProbes; ++i) {
      Datagram& d = slots[(h + i) & mask];
      if (d.used && d.deadline_ns <= now_ns) time_out(d);
      if (!d.used) {
        if (!empty) empty = &d;
        continue;
      }
      if (same_datagram(d.id, header)) return &d;
    }
    if (!empty || used == options.datagrams) return nullptr;
    empty->id = header;
    empty->deadline_ns = now_ns + options.timeout_ns;
    empty->total = empty->have = 0;
    empty->count = 0;
    empty->used = true;
    empty->poisoned = false;
    ++used;
    return empty;
  }

  rte_mbuf* take_copy() noexcept {
    rte_mbuf* flat = rte_pktmbuf_alloc(copies);
    while (!flat && options.wait_for_copy) {
      sched_yield();
      flat = rte_pktmbuf_alloc(copies);
    }
    return flat;
  }

  rte_mbuf* assemble(Datagram& d) noexcept;
};

// Whether [offset, offset + length) touches a piece that is there already.
static bool overlaps(const Datagram& d, const FragmentHeader& f) noexcept {
  const unsigned begin = f.offset;
  const unsigned end = begin + f.length;
  return std::any_of(d.piece, d.piece + d.count, [&](const Piece& p) {
    return begin < unsigned{p.offset} + p.length && p.offset < end;
  });
}

rte_mbuf* FragmentTable::Impl::assemble(Datagram& d) noexcept {
  const Piece* first =
      std::find_if(d.piece, d.piece + d.count, [](const Piece& p) { return p.offset == 0; });
  const FragmentHeader& h = d.id;
  const unsigned header_end = first->data_offset - (h.family == kFamilyIpv6 ? 8 : 0);
  const unsigned ip_len = header_end - h.l3_offset + d.total;
  if (ip_len > 65535) {
    poison(d, reason(CoreReason::FragmentBad));
    return nullptr;
  }
  rte_mbuf* flat = take_copy();
  if (!flat) {
    poison(d, reason(CoreReason::FragmentTableFull));
    return nullptr;
  }
  const unsigned frame_len = h.l3_offset + ip_len;
  if (frame_len > rte_pktmbuf_tailroom(flat)) {
    rte_pktmbuf_free(flat);
    poison(d, reason(CoreReason::FragmentBad));
    return nullptr;
  }
  auto* priv = static_cast<FlatPrivate*>(rte_mbuf_to_priv(flat));
  auto* to = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(flat, static_cast<uint16_t>(frame_len)));
  const auto* from = rte_pktmbuf_mtod(first->m, const uint8_t*);
  std::memcpy(to, from, header_end);
  priv->count = d.count;
  for (unsigned i = 0; i < d.count; ++i) {
    const Piece& p = d.piece[i];
    std::memcpy(to + header_end + p.offset,
                rte_pktmbuf_mtod_offset(p.m, const uint8_t*, p.data_offset), p.length);
    priv->fragment[i] = p.m;
  }
  uint8_t* ip = to + h.l3_offset;
  if (h.family == kFamilyIpv4) {
    ip[2] = static_cast<uint8_t>(ip_len >> 8);
    ip[3] = static_cast<uint8_t>(ip_len);
    ip[6] = ip[7] = 0;
    ip[10] = ip[11] = 0;
    const auto sum = static_cast<uint16_t>(~rte_raw_cksum(ip, header_end - h.l3_offset));
    std::memcpy(ip + 10, &sum, 2);
  } else {
    const unsigned payload = ip_len - 40;
    ip[4] = static_cast<uint8_t>(payload >> 8);
    ip[5] = static_cast<uint8_t>(payload);
    // The chain of headers skips the fragment header, by the first fragment's word.
    to[h.next_header_offset] = from[h.fragment_header_offset];
  }
  flat->port = first->m->port;
  PacketMeta& p = meta(flat);
  p = {};
  p.flags = kMetaReassembled;
  held -= d.count;
  d.count = 0;
  free_slot(d);
  return flat;
}

FragmentTable::FragmentTable(const FragmentOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->options.max_fragments = std::min(options.max_fragments, kMaxFragments);
  size_t slots = 16;
  while (slots < options.datagrams * size_t{2}) slots *= 2;
  impl_->slots.resize(slots);
  const std::string name = std::string(options.name) + "_flat";
  impl_->copies = rte_pktmbuf_pool_create(
      name.c_str(), options.flat_copies, 0,
      RTE_ALIGN_CEIL(static_cast<uint16_t>(sizeof(FlatPrivate)), RTE_MBUF_PRIV_ALIGN),
      static_cast<uint16_t>(std::min<unsigned>(kFlatRoom, 65535)), options.socket_id);
  if (!impl_->copies) {
    throw std::runtime_error("no memory for " + std::to_string(options.flat_copies) +
                             " copies of fragmented datagrams: " + rte_strerror(rte_errno));
  }
}

FragmentTable::~FragmentTable() {
  rte_mempool_free(impl_->copies);
}

void FragmentTable::set_dropper(Dropper dropper, void* context) noexcept {
  impl_->dropper = dropper;
  impl_->context = context;
}

rte_mbuf* FragmentTable::collect(rte_mbuf* m, const FragmentHeader& header,
                                 uint64_t now_ns) noexcept {
  Impl& t = *impl_;
  Datagram* d = t.find(header, now_ns);
  if (!d) {
    t.give_up(m, reason(CoreReason::FragmentTableFull));
    return nullptr;
  }
  const uint32_t end = uint32_t{header.offset} + header.length;
  CoreReason wrong = CoreReason::None;
  if (d->poisoned) {
    t.give_up(m, d->poison);
    return nullptr;
  }
  if (overlaps(*d, header)) {
    wrong = CoreReason::FragmentOverlap;
  } else if (d->count == t.options.max_fragments) {
    wrong = CoreReason::FragmentTooMany;
  } else if (d->total != 0 && (end > d->total || !header.more)) {
    wrong = CoreReason::FragmentBad;  // beyond the last fragment, or two different last ones
  }
  if (wrong == CoreReason::None && !header.more) {
    d->total = end;
    for (unsigned i = 0; i < d->count; ++i) {
      if (uint32_t{d->piece[i].offset} + d->piece[i].length > end) wrong = CoreReason::FragmentBad;
    }
  }
  if (wrong != CoreReason::None) {
    t.poison(*d, reason(wrong));
    t.give_up(m, reason(wrong));
    return nullptr;
  }
  if (header.offset == 0) d->id = header;  // its offsets build the copy's headers
  d->piece[d->count++] = {m, header.offset, header.length, header.data_offset};
  d->have += header.length;
  ++t.held;
  if (d->total == 0 || d->have != d->total) return nullptr;
  rte_mbuf* flat = t.assemble(*d);
  if (flat) meta(flat).time_ns = meta(m).time_ns;
  return flat;
}

void FragmentTable::expire(uint64_t now_ns) noexcept {
  Impl& t = *impl_;
  if (t.used == 0) return;
  for (unsigned i = 0; i < kExpireBudget; ++i) {
    Datagram& d = t.slots[t.sweep];
    t.sweep = (t.sweep + 1) & static_cast<unsigned>(t.slots.size() - 1);
    if (d.used && d.deadline_ns <= now_ns) t.time_out(d);
  }
}

void FragmentTable::drop_all(Reason r, uint64_t now_ns) noexcept {
  for (Datagram& d : impl_->slots) {
    if (!d.used) continue;
    const bool due = d.deadline_ns <= now_ns;
    impl_->drop_pieces(d, due ? reason(CoreReason::FragmentTimeout) : r);
    impl_->free_slot(d);
  }
}

unsigned FragmentTable::held() const noexcept {
  return impl_->held;
}

bool FragmentTable::copies_home() const noexcept {
  return rte_mempool_avail_count(impl_->copies) == impl_->copies->size;
}

void free_packet(rte_mbuf* m) noexcept {
  if (meta(m).flags & kMetaReassembled) {
    for_each_frame(m, [](rte_mbuf* fragment) { rte_pktmbuf_free(fragment); });
  }
  rte_pktmbuf_free(m);
}

}  // namespace sluice

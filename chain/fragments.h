// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Virtual reassembly (DESIGN: "Fragments are collected here"): stages see one
// flat copy of a datagram, and when it passes, its fragments leave as they came.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "chain/packet_meta.h"
#include "chain/parse.h"
#include "chain/verdict.h"

struct rte_mempool;

namespace sluice {

inline constexpr unsigned kMaxFragments = 64;

// In the private area of a flat copy's mbuf: the frames that it stands for, in
// the order of their arrival.
struct FlatPrivate {
  uint16_t count;
  rte_mbuf* fragment[kMaxFragments];
};

// Calls `f(rte_mbuf*)` on each frame that `m` stands for: on itself, or on the
// fragments of a flat copy (their l2_len and l3_len are set).
template <typename F>
void for_each_frame(rte_mbuf* m, F&& f) {
  if (!(meta(m).flags & kMetaReassembled)) {
    f(m);
    return;
  }
  auto* flat = static_cast<FlatPrivate*>(rte_mbuf_to_priv(m));
  for (unsigned i = 0; i < flat->count; ++i) f(flat->fragment[i]);
}

// Frames that `m` stands for on the wire.
inline unsigned frame_count(rte_mbuf* m) noexcept {
  if (!(meta(m).flags & kMetaReassembled)) return 1;
  return static_cast<FlatPrivate*>(rte_mbuf_to_priv(m))->count;
}

// Frees the mbuf and, for a flat copy, its fragments.
void free_packet(rte_mbuf* m) noexcept;

struct FragmentOptions {
  const char* name = "";       // unique in EAL's registries
  unsigned datagrams = 1024;   // under collection at once
  unsigned max_fragments = 8;  // a datagram, at most kMaxFragments
  uint64_t timeout_ns = 2'000'000'000;
  unsigned flat_copies = 64;  // datagrams in the stages at once
  int socket_id = -1;
  bool wait_for_copy = false;  // replay: wait until a flat copy is free
};

// One lane's collection; its first worker's. Bounded in datagrams, bytes (64 KiB
// each) and time.
class FragmentTable {
 public:
  explicit FragmentTable(const FragmentOptions& options);  // throws std::runtime_error
  ~FragmentTable();
  FragmentTable(const FragmentTable&) = delete;
  FragmentTable& operator=(const FragmentTable&) = delete;

  // Called for each frame that the table gives up.
  using Dropper = void (*)(void* context, rte_mbuf* m, Reason reason);
  void set_dropper(Dropper dropper, void* context) noexcept;

  // Takes a fragment over (parse found kind Fragment). Returns the flat copy
  // once the datagram is whole, else null. The copy's meta has time and
  // kMetaReassembled; it is not parsed yet.
  rte_mbuf* collect(rte_mbuf* m, const FragmentHeader& header, uint64_t now_ns) noexcept;

  // Gives up at most a few datagrams that waited too long.
  void expire(uint64_t now_ns) noexcept;
  // Gives up everything: with `reason`, or as timed out what was due at `now_ns`,
  // however late the sweep is.
  void drop_all(Reason reason, uint64_t now_ns = 0) noexcept;

  unsigned held() const noexcept;     // frames
  bool copies_home() const noexcept;  // every flat copy is back in its pool

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice

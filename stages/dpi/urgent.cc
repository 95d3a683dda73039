// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/urgent.h"

#include <rte_tcp.h>

#include <cstddef>
#include <cstring>

#include "chain/packet_meta.h"
#include "flowtable/tcp_state.h"

namespace sluice {

namespace {

constexpr size_t kFlagsWord = 12;  // data offset and flags

// RFC 1624, equation 3; any byte order that is the same for all three.
uint16_t updated(uint16_t sum, uint16_t before, uint16_t after) {
  uint32_t s = static_cast<uint16_t>(~sum) + uint32_t{static_cast<uint16_t>(~before)} + after;
  s = (s & 0xffff) + (s >> 16);
  s = (s & 0xffff) + (s >> 16);
  return static_cast<uint16_t>(~s);
}

}  // namespace

bool can_clear_urgent(const rte_mbuf* m) noexcept {
  return (meta(m).flags & kMetaReassembled) == 0;
}

bool clear_urgent(rte_mbuf* m) noexcept {
  auto* tcp = l4_header<rte_tcp_hdr>(m);
  if ((tcp->tcp_flags & kTcpUrg) == 0) return false;
  auto* word = reinterpret_cast<uint8_t*>(tcp) + kFlagsWord;
  uint16_t before, after;
  std::memcpy(&before, word, sizeof before);
  tcp->tcp_flags = static_cast<uint8_t>(tcp->tcp_flags & ~kTcpUrg);
  std::memcpy(&after, word, sizeof after);
  tcp->cksum = updated(updated(tcp->cksum, before, after), tcp->tcp_urp, 0);
  tcp->tcp_urp = 0;
  return true;
}

}  // namespace sluice

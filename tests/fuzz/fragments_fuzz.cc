// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Fragments in any order, of any length, of several datagrams at once: a flat
// copy holds exactly the datagram's bytes, and no frame is lost or kept.
//
// The input is a list of fragments, five bytes each: which datagram and what
// header, offset (in units of 8 bytes, high byte first), length, time passed.
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "app/eal.h"
#include "chain/fragments.h"
#include "chain/packet_meta.h"
#include "chain/parse.h"
#include "tests/support/packet_builder.h"

using namespace sluice;
using sluice::test::Bytes;

namespace {

constexpr size_t kRecord = 5;
constexpr unsigned kFrames = 1023;
constexpr uint8_t kProtocol = 253;  // RFC 3692: for experiments

void require(bool holds) {
  if (!holds) std::abort();
}

// The datagram's byte at an offset.
uint8_t pattern(unsigned datagram, size_t offset) {
  return static_cast<uint8_t>(offset * 31 + (offset >> 8) + datagram);
}

void append16(Bytes& out, unsigned value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

void append_address(Bytes& out, bool ipv6, uint8_t last) {
  Bytes address(ipv6 ? 16 : 4);
  address.front() = ipv6 ? 0x20 : 10;
  address.back() = last;
  out.insert(out.end(), address.begin(), address.end());
}

// One fragment as a frame. `odd`: with IPv4 options or a hop-by-hop header.
Bytes make_frame(unsigned datagram, bool ipv6, bool odd, bool more, unsigned offset,
                 unsigned length) {
  Bytes f(12, 0x02);
  append16(f, ipv6 ? 0x86dd : 0x0800);
  const unsigned word = offset / 8;
  if (ipv6) {
    append16(f, 0x6000);
    append16(f, 0);
    append16(f, length + 8 + (odd ? 8 : 0));
    f.push_back(odd ? 0 : 44);
    f.push_back(64);
    append_address(f, true, 1);
    append_address(f, true, 2);
    if (odd) f.insert(f.end(), {44, 0, 1, 4, 0, 0, 0, 0});
    f.push_back(kProtocol);
    f.push_back(0);
    append16(f, word << 3 | (more ? 1 : 0));
    append16(f, 0);
    append16(f, datagram);
  } else {
    append16(f, odd ? 0x4600 : 0x4500);
    append16(f, length + 20 + (odd ? 4 : 0));
    append16(f, datagram);
    append16(f, word | (more ? 0x2000 : 0));
    f.push_back(64);
    f.push_back(kProtocol);
    append16(f, 0);
    append_address(f, false, 1);
    append_address(f, false, 2);
    if (odd) f.insert(f.end(), {1, 1, 1, 0});
  }
  for (unsigned i = 0; i < length; ++i) f.push_back(pattern(datagram, offset + i));
  return f;
}

struct Harness {
  Harness() {
    start_private_eal(64);
    register_packet_meta();
    pool = rte_pktmbuf_pool_create("frames", kFrames, 0, 0, 0, SOCKET_ID_ANY);
    require(pool != nullptr);
    FragmentOptions options;
    options.name = "fuzz";
    options.datagrams = 4;
    options.flat_copies = 7;
    table = std::make_unique<FragmentTable>(options);
    table->set_dropper(
        [](void* harness, rte_mbuf* m, Reason reason) {
          require(reason != kNoReason);
          ++static_cast<Harness*>(harness)->dropped;
          rte_pktmbuf_free(m);
        },
        this);
  }

  rte_mempool* pool;
  std::unique_ptr<FragmentTable> table;
  unsigned dropped = 0;
};

// Returns how many frames the flat copy stood for.
unsigned take_flat(rte_mbuf* flat, unsigned datagram) {
  const unsigned frames = frame_count(flat);
  require(frames >= 2 && (meta(flat).flags & kMetaReassembled));
  ParsedPacket parsed{};
  parse(flat, {}, parsed);
  require(parsed.kind == PacketKind::Flow && parsed.key.proto == kProtocol);
  const uint8_t* bytes = payload(flat);
  for (size_t i = 0; i < meta(flat).payload_len; ++i) require(bytes[i] == pattern(datagram, i));
  unsigned payload_len = 0;
  for_each_frame(flat, [&](rte_mbuf* m) {
    ParsedPacket fragment{};
    parse(m, {}, fragment);
    require(fragment.kind == PacketKind::Fragment);
    payload_len += fragment.fragment.length;
  });
  require(payload_len == meta(flat).payload_len);
  free_packet(flat);
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Harness harness;
  harness.dropped = 0;
  unsigned given = 0, passed = 0;
  uint64_t now_ns = 1'000'000'000;
  for (std::span<const uint8_t> rest(data, size); rest.size() >= kRecord && given < kFrames;
       rest = rest.subspan(kRecord)) {
    const uint8_t choice = rest[0];
    const unsigned datagram = choice & 0x0f;
    const unsigned offset = (rest[1] & 0x1fu) << 11 | unsigned{rest[2]} << 3;
    const bool more = choice & 0x40;
    // Mostly multiples of 8, as they must be but for the last.
    const unsigned length = rest[3] & 0x80 ? rest[3] & 0x7fu : rest[3] * 8u;
    now_ns += uint64_t{rest[4]} * 10'000'000;
    const Bytes frame = make_frame(datagram, choice & 0x10, choice & 0x20, more, offset, length);
    rte_mbuf* m = test::make_exact_mbuf(frame, harness.pool);
    meta(m).time_ns = now_ns;
    ParsedPacket parsed{};
    parse(m, {}, parsed);
    if (parsed.kind != PacketKind::Fragment) {
      rte_pktmbuf_free(m);
      continue;
    }
    ++given;
    rte_mbuf* flat = harness.table->collect(m, parsed.fragment, now_ns);
    if (flat != nullptr) passed += take_flat(flat, datagram);
    harness.table->expire(now_ns);
    require(given == passed + harness.dropped + harness.table->held());
  }
  harness.table->drop_all(1);
  require(harness.table->held() == 0 && given == passed + harness.dropped);
  require(harness.table->copies_home() && rte_mempool_full(harness.pool) == 1);
  return 0;
}

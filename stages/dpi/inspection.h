// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What dpi keeps of a flow while it is undecided.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "flowtable/flow.h"

struct ndpi_flow_struct;

namespace sluice {

class DpiPart;

struct Inspection {
  DpiPart* part;     // whose engine, arena and pool it uses, over reloads too
  Inspection* prev;  // among the inspections of the part
  Inspection* next;  // or, in the pool, the next free one
  Flow* flow;
  ndpi_flow_struct* ndpi;
  uint64_t time_ns;  // of the packet last looked at, as are the next two
  uint16_t ingress;
  Direction direction;
  bool precious;     // undecided although payload has been seen: what it knows would be lost
  uint8_t requests;  // HTTP requests and DNS messages read
  uint16_t packets;  // handed to nDPI
  bool hello_seen;   // a ClientHello; the fields below are its, and the server's answer
  uint8_t alpn_len;
  uint16_t tls_version;
  uint32_t quic_version;
  char alpn[32];
};

// A fixed number of inspections, each with its nDPI state behind it. One
// thread at a time.
class InspectionPool {
 public:
  // Throws std::bad_alloc. Off the data path.
  InspectionPool(uint32_t capacity, bool prefault);
  ~InspectionPool();
  InspectionPool(const InspectionPool&) = delete;
  InspectionPool& operator=(const InspectionPool&) = delete;

  // Zeroed but for `ndpi`; null when all are taken.
  Inspection* take() noexcept;
  void give_back(Inspection* inspection) noexcept;

  uint32_t capacity() const noexcept { return capacity_; }
  uint32_t in_use() const noexcept { return in_use_; }
  size_t memory_bytes() const noexcept { return memory_bytes_; }

 private:
  std::byte* memory_;
  size_t memory_bytes_;
  size_t stride_;
  uint32_t capacity_;
  uint32_t fresh_ = 0;  // never taken yet: from here on
  uint32_t in_use_ = 0;
  Inspection* free_ = nullptr;
};

}  // namespace sluice

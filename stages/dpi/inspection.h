// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What nDPI keeps of a flow while it is undecided.
#pragma once

#include <cstdint>

#include "flowtable/flow.h"
#include "stages/dpi/slab.h"

struct ndpi_flow_struct;

namespace sluice {

class DpiPart;

struct Inspection {
  DpiPart* part;     // whose engine, arena and pool it uses, over reloads too
  Inspection* prev;  // among the inspections of the part
  Inspection* next;
  Flow* flow;
  ndpi_flow_struct* ndpi;
  uint16_t packets;  // handed to nDPI
  bool precious;     // undecided although payload has been seen: what it knows would be lost
};

// A fixed number of inspections, each with its nDPI state behind it. One
// thread at a time.
class InspectionPool {
 public:
  // Throws std::bad_alloc. Off the data path.
  InspectionPool(uint32_t capacity, bool prefault);

  // Zeroed but for `ndpi`; null when all are taken.
  Inspection* take() noexcept;
  void give_back(Inspection* inspection) noexcept { slab_.give_back(inspection); }

  uint32_t capacity() const noexcept { return slab_.capacity(); }
  uint32_t in_use() const noexcept { return slab_.in_use(); }
  size_t memory_bytes() const noexcept { return slab_.memory_bytes(); }

 private:
  Slab slab_;
};

}  // namespace sluice

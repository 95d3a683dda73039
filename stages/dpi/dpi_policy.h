// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `[stage.dpi]` in compiled form, and what a lane needs to work with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "chain/directory.h"
#include "chain/stage.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/inspection.h"
#include "stages/dpi/ndpi_engine.h"
#include "stages/dpi/signature_scanner.h"
#include "stages/dpi/signature_set.h"

namespace sluice {

enum class OnOverload : uint8_t { Bypass, Drop };

struct DpiSettings {
  uint32_t max_flows = 16384;  // inspected at once, a lane
  size_t arena_bytes = 0;      // for what nDPI and libgcrypt allocate, a lane
  uint8_t packets_tcp = 80;    // looked at before a flow is given up
  uint8_t packets_udp = 24;    // the same for all that isn't TCP
  bool guess = true;           // by port and address, when the payload doesn't tell
  OnOverload on_overload = OnOverload::Bypass;
  uint64_t max_cycles = 0;  // TSC cycles for one packet; 0: no bound
};

class DpiPolicy : public StagePolicy {
 public:
  DpiSettings settings;
  std::shared_ptr<const SignatureSet> signatures;  // never null
  std::shared_ptr<const ApplicationNames> names;
};

// A lane's engine and its memory. Inspections that began with it stay with it
// over reloads until they are decided.
class DpiPart : public LanePart {
 public:
  // Throws std::runtime_error, std::bad_alloc.
  DpiPart(const DpiPolicy& policy, bool prefault);
  ~DpiPart() override;

  // ---- worker ----

  // Null if the pool is empty or the arena has no reserve.
  Inspection* begin(Flow& flow) noexcept;
  // Says whether much would be lost with the inspection; at first it is little.
  void value(Inspection* inspection, bool precious) noexcept;
  // The one to go when room is needed: the oldest, a precious one only where
  // there is no other. Null if there are none.
  Inspection* least_valuable() noexcept { return cheap_.last ? cheap_.last : precious_.last; }
  // Releases the nDPI state and returns the inspection to the pool.
  void end(Inspection* inspection) noexcept;
  Inspection* first() noexcept { return cheap_.first ? cheap_.first : precious_.first; }

  const DpiSettings settings;
  Arena arena;
  NdpiEngine engine;
  InspectionPool pool;
  std::optional<SignatureScanner> scanner;  // none without signatures

 private:
  struct List {
    Inspection* first = nullptr;
    Inspection* last = nullptr;
  };

  List& list_of(const Inspection* inspection) noexcept {
    return inspection->precious ? precious_ : cheap_;
  }
  void link(Inspection* inspection) noexcept;
  void unlink(Inspection* inspection) noexcept;

  List cheap_, precious_;
};

std::unique_ptr<const StagePolicy> compile_dpi_policy(ConfigSection section,
                                                      CompileContext& context);
std::unique_ptr<LanePart> create_dpi_part(const StagePolicy& policy,
                                          const StageResources& resources);

}  // namespace sluice

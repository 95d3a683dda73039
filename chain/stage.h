// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A stage: one network function. What every stage is to the rest of the
// program; each lives in its folder under stages/ and has a row in
// stages/registry.cc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chain/burst.h"
#include "chain/directory.h"
#include "chain/event.h"
#include "chain/flow_context.h"
#include "chain/packet_meta.h"
#include "chain/reasons.h"
#include "config/config.h"

namespace sluice {

// A stage's share of a policy. Compiled from TOML, immutable, shared by all lanes.
class StagePolicy {
 public:
  virtual ~StagePolicy() = default;
};

// What a policy needs once per lane and changes while it works: Hyperscan
// scratch, an nDPI module, counters of rules. Built and destroyed off the data
// path, used by one worker in between.
class LanePart {
 public:
  virtual ~LanePart() = default;

  // Flows whose slot refers to this part. Written by its worker only, with
  // refer() and unrefer(); while it is not 0, the policy is kept.
  uint32_t references() const noexcept { return references_.load(std::memory_order_acquire); }
  void refer() noexcept {
    references_.store(references_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  void unrefer() noexcept {
    references_.store(references_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  }

 private:
  std::atomic<uint32_t> references_{0};
};

// What a stage gets to know of the place where it works. Outlives the stage.
struct StageResources {
  uint16_t lane = 0;
  unsigned index = 0;       // position in the line
  Reason first_reason = 0;  // of its own reasons in the concatenated table
  // Of its slot in a flow's tail.
  size_t slot_offset = sizeof(FlowContext) + kMaxStages * sizeof(StageState);
  int socket_id = -1;
  uint32_t flow_capacity = 0;  // flows of the lane's table
  // Messages that may be under way to later workers: what a flow's packets among
  // them may read must outlive its end by as many ends.
  unsigned under_way = 0;
  EventQueue* events = nullptr;
  const Directory* directory = nullptr;
  bool replay = false;  // time is the capture's; nothing may be lost for want of room
};

// One instance per lane, used by one worker: no locks, no atomics.
class Stage {
 public:
  explicit Stage(const StageResources& resources) : resources_(resources) {}
  virtual ~Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // ---- worker ----

  // Called once per burst with the packets that want this stage: their flow's
  // chain has it, the flow isn't settled here, no verdict stands against them.
  // (A stage with `every_packet` gets settled flows and packets without a flow
  // too, one with `strays` the latter.) May read and rewrite packets, fill its own fields of the flow
  // context, settle flows, give verdicts with a reason. Marks frames that it makes
  // longer or shorter (kMetaResized). Keeps neither `policy` nor `part` past the
  // call, unless a slot refers to the part by refer(); does not block, allocate, log, or free an mbuf: the worker does that.
  virtual void process(Burst& burst, const StagePolicy& policy, LanePart* part) noexcept = 0;

  // The flow is over: release what its slot holds. A slot starts zeroed.
  // `record`, if not null, is the flow's event: add to it what only this stage
  // knows and later stages or the log want (context fields are still good and
  // are added by the chain itself).
  virtual void flow_ended(Flow& flow, Event* record) noexcept {
    (void)flow;
    (void)record;
  }

  // An old policy waits for flows that refer to its part: let go of at most
  // `budget` of them (start them afresh under the present policy).
  virtual void release_references(LanePart& old, unsigned budget) noexcept {
    (void)old;
    (void)budget;
  }

  // ---- any thread: plain 64-bit counters in the order of StageType::counters ----
  virtual const void* counters() const noexcept { return nullptr; }

 protected:
  // What the stages before this one have said so far, as a number. Take it
  // before their findings are read, for settle() and wait().
  uint8_t upstream(const Flow& flow) const noexcept {
    return upstream_revision(flow, resources_.index);
  }
  StageState& state(Flow& flow) const noexcept { return stage_state(flow, resources_.index); }

  // Tells that the stage is done with the flow: until the policy or what an
  // earlier stage said changes, the flow's packets get `verdict` without
  // visiting this stage.
  void settle(Flow& flow, uint16_t generation, uint8_t upstream, Verdict verdict = Verdict::Pass,
              Reason reason = kNoReason) const noexcept {
    judged(flow, generation, upstream, verdict, reason, false);
  }
  // Tells that the stage has judged under this policy and lets the flow pass
  // for now, but wants its next packets, too.
  void wait(Flow& flow, uint16_t generation, uint8_t upstream) const noexcept {
    judged(flow, generation, upstream, Verdict::Pass, kNoReason, true);
  }
  // Takes the flow back: its packets visit this stage as if it had never judged.
  void unsettle(Flow& flow) const noexcept { judged(flow, 0, 0, Verdict::Pass, kNoReason, false); }
  // What this stage tells later ones about the flow has changed: they judge
  // again. Call it when the findings are written.
  void raise_revision(Flow& flow) const noexcept {
    StageState s = state(flow);
    ++s.revision;
    write_stage_state(flow, resources_.index, s);
  }

  template <typename T>
  T& slot(Flow& flow) const noexcept {
    return *reinterpret_cast<T*>(flow.tail() + resources_.slot_offset);
  }
  // The i-th of this stage's own drop reasons.
  Reason own_reason(unsigned i) const noexcept {
    return static_cast<Reason>(resources_.first_reason + i);
  }

  const StageResources resources_;

 private:
  void judged(Flow& flow, uint16_t generation, uint8_t upstream, Verdict verdict, Reason reason,
              bool waits) const noexcept {
    StageState s = state(flow);
    s.generation = generation;
    s.upstream = upstream;
    s.verdict = verdict;
    s.reason = reason;
    s.waits = waits;
    write_stage_state(flow, resources_.index, s);
  }
};

struct CounterInfo {
  std::string_view name;  // "denied"
  std::string_view help;  // "packets denied by a rule"
  size_t offset;          // into the stage's plain struct of uint64_t
};

// Whom the bindings of the policy being compiled name. The directory knows those
// of the policies before, too.
struct BoundNames {
  std::map<std::string, unsigned, std::less<>> groups;
  std::map<std::string, NameId, std::less<>> identities[3];  // by IdentityKind
};

// What compile() may see beside its own section.
struct CompileContext {
  const Config& config;
  Directory& directory;
  std::vector<MacAddress> port_macs;  // by position in config.ports
  std::string base_dir;               // relative file names start here; "" : the current one
  bool replay = false;
  // Files of signatures given on the command line (`--rules`), for dpi.
  std::vector<std::string> extra_rules;
  BoundNames bound{};  // identity writes; firewall's rules read
  // What the operator should know though nothing is wrong enough to stop: lines
  // of text, for the log.
  std::vector<std::string> remarks{};
  std::vector<std::string> facts{};  // the same, of what is well
};

// What a stage's console command may look at. Control thread; everything may
// change while it reads.
struct CommandContext {
  const StagePolicy& policy;
  std::vector<const LanePart*> parts;  // by lane; entries may be null
  std::vector<const Stage*> stages;    // by lane
  const Directory& directory;
  std::vector<std::string> arguments;  // words behind the command
};

// `show stage NAME WHAT`
struct StageCommand {
  std::string_view what;  // "rules"
  std::string_view help;
  std::string (*run)(const CommandContext&);  // text for a person, newline at the end
};

// Everything the rest of the program knows about a kind of stage: one constexpr
// object in the stage's folder, one row in stages/registry.cc.
struct StageType {
  std::string_view name;  // the TOML section: [stage.firewall]
  std::string_view help;
  bool every_packet = false;  // settled flows and packets without a flow visit it too
  bool strays = false;        // packets without a flow visit it too: control frames, what is no IP
  bool icmp_errors = false;   // ICMP errors about flows that it let pass for good visit it too
  size_t flow_slot_size = 0;  // bytes of private state in each flow entry, multiple of 4
  std::span<const CounterInfo> counters;
  std::span<const DropReason> drop_reasons;
  std::span<const StageCommand> commands;
  // Reports all errors through the section and finish()es it; null if any.
  // Compiler thread. Stages are compiled in the line's order.
  std::unique_ptr<const StagePolicy> (*compile)(ConfigSection section, CompileContext& context);
  // May be null: no part. Compiler thread; throws std::runtime_error when it fails.
  std::unique_ptr<LanePart> (*create_lane_part)(const StagePolicy&, const StageResources&);
  std::unique_ptr<Stage> (*create)(const StageResources&);
};

}  // namespace sluice

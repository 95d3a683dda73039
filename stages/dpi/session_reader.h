// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Reads the packets of one session: streams put together, protocols parsed, rules
// asked, events told.
#pragma once

#include <netinet/in.h>
#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "chain/event.h"
#include "chain/stage.h"
#include "stages/dpi/dpi_counters.h"
#include "stages/dpi/dpi_policy.h"
#include "stages/dpi/flow_reporter.h"
#include "stages/dpi/packet_view.h"
#include "stages/dpi/session.h"

namespace sluice {

enum class DpiReason : uint8_t { Signature, Overload, Stream };

// What becomes of a packet.
struct Ruling {
  Verdict verdict = Verdict::Pass;
  DpiReason reason = DpiReason::Signature;
  bool blocks = false;   // what follows of the flow, too
  bool alerted = false;  // a rule has matched
  bool renamed = false;  // the flow's host name is another one now
};

// One a lane, used by its dpi worker.
class SessionReader final : private TransactionSink {
 public:
  SessionReader(const StageResources& resources, FlowReporter& reporter, DpiCounters& counters)
      : resources_(resources), reporter_(reporter), counters_(counters) {}

  // A packet of the flow. `rules`: the policy's rules are asked; `generation` is
  // that policy's.
  Ruling read(rte_mbuf* m, Session& session, DpiPart& part, bool rules,
              uint16_t generation) noexcept;
  // A packet by itself: an ICMP error about the flow, what one of its packets
  // carries, or, without a flow, a control packet.
  Ruling read_alone(const rules::PacketFacts& packet, uint16_t ingress, Flow* flow,
                    DpiPart& part) noexcept;
  // The flow is over or left alone: what is pending is told of.
  Ruling end(Session& session, DpiPart& part, bool rules) noexcept;

  // Nothing more is to be learnt from the session's packets. `late_rules`: some
  // rules ask for no payload, so that they make sense of encrypted packets, too.
  bool done(const Session& session, const DpiPart& part, bool rules,
            bool late_rules) const noexcept;

 private:
  void advanced(Transaction& transaction, Direction by) noexcept override;
  void finished(Transaction& transaction) noexcept override;

  // `unread`: no rule is to see it, since it lies behind the depth or comes again.
  void read_segment(bool& unread) noexcept;
  void count_stopped() noexcept;
  static bool may_acknowledge(Session& session, Direction of, uint8_t port) noexcept;
  void read_readable(Direction of) noexcept;
  void ask_payload() noexcept;
  void read_datagram() noexcept;
  bool overload() noexcept;
  void note_app() noexcept;
  static void note_handshake(Session& session, const rules::PacketFacts& packet) noexcept;
  static void orient(Session& session, const rules::PacketFacts& packet) noexcept;
  static bool reads_as_stream(const Session& session, const DpiPart& part) noexcept;
  bool asks_of_transactions() const noexcept {
    return detector_ != nullptr &&
           (session_->flow->key.proto != IPPROTO_TCP || reads_as_stream(*session_, *part_));
  }
  void judge() noexcept;
  void tell_alert(const rules::CompiledRule& rule, const rules::Fired& fired) noexcept;
  void begin(const rules::PacketFacts& packet, Flow* flow, Session* session, DpiPart& part,
             bool rules) noexcept;
  FlowReporter::Where where() const noexcept {
    const bool reversed = session_ != nullptr && session_->reversed;
    return {packet_.time_ns, ingress_,
            reversed ? opposite(packet_.direction) : packet_.direction};
  }

  const StageResources& resources_;
  FlowReporter& reporter_;
  DpiCounters& counters_;

  // A transaction that is gone before its packet is judged, as far as alerts have it.
  struct Gone {
    uint32_t rule;                   // that it has made fire
    const Transaction* transaction;  // only to be compared
    uint32_t number;
    uint8_t kept;  // index in kept_, or kNotKept
    bool told;
  };
  static constexpr size_t kMaxKept = 4;
  static constexpr uint8_t kNotKept = 0xff;
  void keep_matched(const Transaction& transaction) noexcept;
  void add_transaction(Event& alert, const rules::Fired& fired) noexcept;
  void add_payload(Event& alert, const rules::CompiledRule& rule,
                   const rules::Fired& fired) noexcept;

  // Of the packet at hand.
  rules::PacketFacts packet_;
  rules::FlowFacts facts_;
  uint16_t ingress_ = 0;
  Flow* flow_ = nullptr;
  Session* session_ = nullptr;
  DpiPart* part_ = nullptr;
  rules::Detector* detector_ = nullptr;  // null: no rules are asked
  // What the rules on packets and streams have not been asked of yet: they come
  // before those on the transactions that it holds.
  bool packet_due_ = false;
  StreamView stream_due_;  // no data: nothing
  Direction stream_due_of_ = Direction::Original;
  Ruling ruling_;
  std::array<Gone, rules::Detector::kMaxFired> gone_;
  std::array<Event, kMaxKept> kept_;
  size_t gone_count_ = 0;
  uint8_t kept_count_ = 0;
};

}  // namespace sluice

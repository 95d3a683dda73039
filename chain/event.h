// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a worker tells people: fixed-size records from a bounded pool, through
// a ring to the event writer. When the pool is empty the event is counted as
// lost and the packet goes on.
#pragma once

#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "chain/flow_context.h"
#include "chain/packet_meta.h"
#include "chain/verdict.h"
#include "flowtable/flow.h"

namespace sluice {

enum class EventType : uint8_t { Flow, Alert, Drop, Http, Tls, Dns, Quic, Ssh };

// Meaning of Event::text by type.
enum EventText : uint8_t {
  kTextHost = 0,   // host name: HTTP host, TLS/QUIC server name, DNS name; Flow: HostName
  kTextUrl = 1,    // Http: URL as on the request line; Tls/Quic: ALPN
  kTextAgent = 2,  // Http: user agent; Tls/Quic: version; Dns: type of the question
  kTextMore = 3,   // Http: method; Tls/Quic: JA3 hash
  kTextFirstOfType = 4,
  // Http
  kTextProtocol = 4,
  kTextReferer = 5,
  kTextContentType = 6,
  kTextLocation = 7,
  // Tls, Quic
  kTextSubject = 4,
  kTextIssuer = 5,
  kTextSerial = 6,
  kTextFingerprint = 7,
  kTextJa3s = 8,
  kTextJa4 = 9,
  kTextAltNames = 10,  // one a line
  // Dns: one a line, its fields apart by tabs: name, type, time to live in seconds, data
  kTextAnswers = 4,
  // Ssh
  kTextClientProtocol = 4,
  kTextClientSoftware = 5,
  kTextServerProtocol = 6,
  kTextServerSoftware = 7,
  // Alert: bytes as they came; beside it those of Event::told
  kTextPayload = 11,
  kTextFields = 12
};

// Meaning of Event::values by type.
enum EventValue : uint8_t {
  // Http: of the response; 0: none. Bytes of the bodies, without chunk headers.
  kValueStatus = 0,
  kValueRequestBytes = 1,
  kValueResponseBytes = 2,
  // Tls: seconds since 1970, both 0 where no certificate was read; 1 for a resumed session
  kValueNotBefore = 0,
  kValueNotAfter = 1,
  kValueResumed = 2,
  // Dns: 1 for an answer; its code (RFC 1035); the flags of the question or the answer
  kValueIsAnswer = 0,
  kValueResponseCode = 1,
  kValueDnsFlags = 2,
  kEventValues = 3
};

struct Event {
  static constexpr unsigned kTextCapacity = 1536;

  EventType type;
  Direction direction;  // of the packet that gave rise to it
  uint8_t originator_end;
  uint8_t chain;
  Verdict action;  // what became of the packet or flow
  Reason reason;
  EndReason end_reason;  // Flow
  FlowState state;       // Flow
  uint16_t ingress;      // port id of the packet
  uint16_t lane;
  uint64_t time_ns;
  FlowKey key;
  uint64_t first_seen_ns;
  uint64_t last_seen_ns;
  uint64_t bytes[2];  // by Direction
  uint32_t packets[2];
  uint8_t tcp_flags[2];

  NameId source_identity, destination_identity;
  GroupSetId source_groups, destination_groups;
  NameId rule;
  uint16_t app_master, app, app_category;
  uint8_t app_confidence;
  AppProgress app_progress;
  uint64_t app_risks;

  // Alert
  uint32_t signature_id, signature_gid, signature_rev;
  NameId signature_msg;
  NameId signature_category;   // description of its classtype; 0: none
  uint8_t signature_severity;  // 1 is the highest
  EventType told;  // of the transaction that matched: its type, texts, values, number; Flow: none
  bool payload_in_stream;  // kTextPayload is what the stream had, else what the packet carries

  bool alerted;     // Flow: a signature has matched one of its packets
  uint16_t number;  // Dns: query type number
  uint16_t dns_id;  // Dns: the message's
  uint32_t transaction;  // Http, Dns, Alert: its number in the flow
  uint64_t values[kEventValues];
  uint16_t text_len[kTextFields];
  uint16_t text_used;
  char text[kTextCapacity];

  // Appends; what does not fit is cut. Each field once.
  void set_text(EventText field, std::string_view value) noexcept;
  std::string_view get_text(EventText field) const noexcept;

  Flow* flow;                // Flow: the ended flow, while the record travels down the lane
  struct EventQueue* owner;  // where the record returns to
};

// One worker's records and its two rings: alerts and drops are kept apart, so
// that a burst of flow events costs no alert. The worker allocates and
// publishes; the event writer takes and recycles.
struct EventQueue {
  EventQueue(const char* name, unsigned flow_events, unsigned alert_events, int socket_id);
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  // ---- owning worker ----
  // Null (and counted as lost) when the pool is empty; in replay
  // (`wait_when_empty`) waits for the writer instead. Zeroed, `type` set. An
  // Alert or a Drop comes from a pool of its own.
  Event* allocate(EventType type) noexcept;
  // Records for flows that allocate() could give now; all there are if nobody
  // wants any.
  unsigned free_flow_records() const noexcept;
  // A record allocated here or by another worker's queue of the lane.
  void publish(Event* event) noexcept;

  // ---- event writer ----
  unsigned take(Event** out, unsigned n) noexcept;  // alerts and drops first
  static void recycle(Event* event) noexcept;

  uint64_t lost() const noexcept;  // any thread

  bool wait_when_empty = false;
  bool enabled = true;  // false: no log wants events; allocate() gives null, uncounted
  uint16_t alert_payload = 0;  // bytes of payload that an alert takes with it, at most

 private:
  struct Pool;
  std::unique_ptr<Pool> flows_, alerts_;
  uint64_t lost_ = 0;
};

// Fills what every event of a flow carries (tuple, identities, application,
// rule, chain) from the flow and its context.
void describe_flow(Event& event, const Flow& flow) noexcept;

}  // namespace sluice

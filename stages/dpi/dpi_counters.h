// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstdint>

#include "stages/dpi/detection/detector.h"
#include "stages/dpi/protocol/http_transaction.h"
#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/stream/tcp_stream.h"

namespace sluice {

// What a lane's dpi counts. One writing worker. Help texts stand in dpi.cc.
struct DpiCounters {
  uint64_t flows = 0;
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t classified = 0;
  uint64_t given_up = 0;
  uint64_t guessed = 0;
  uint64_t unknown = 0;
  uint64_t overload_dropped = 0;
  uint64_t overload_bypassed = 0;
  uint64_t arena_exhausted = 0;
  uint64_t cycles_exceeded = 0;
  uint64_t evicted = 0;
  uint64_t restarted = 0;
  uint64_t hosts_lost = 0;
  uint64_t http_requests = 0;
  uint64_t tls_flows = 0;
  uint64_t quic_flows = 0;
  uint64_t dns_queries = 0;
  uint64_t scanned_packets = 0;
  uint64_t tunnelled = 0;
  uint64_t alerts = 0;
  uint64_t signature_drops = 0;
  uint64_t sessions_evicted = 0;
  uint64_t stream_drops = 0;
  uint64_t wrong_side = 0;
  uint64_t urgent_cleared = 0;
  HttpCounters http;
  ProtocolCounters protocols;
  rules::DetectorCounters rules;
  StreamCounters streams;
};

}  // namespace sluice

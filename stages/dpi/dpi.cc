// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dpi.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "stages/dpi/dpi_policy.h"
#include "stages/dpi/dpi_stage.h"

namespace sluice {

namespace {

constexpr CounterInfo kCounters[] = {
    {"flows", "flows whose inspection began", offsetof(DpiCounters, flows)},
    {"packets", "packets handed to nDPI", offsetof(DpiCounters, packets)},
    {"bytes", "IP bytes handed to nDPI", offsetof(DpiCounters, bytes)},
    {"classified", "flows that nDPI recognised", offsetof(DpiCounters, classified)},
    {"given_up", "flows at the packet limit, over max_cycles, ended or evicted while undecided",
     offsetof(DpiCounters, given_up)},
    {"guessed", "flows given up and named by port or address", offsetof(DpiCounters, guessed)},
    {"unknown", "flows decided without a name", offsetof(DpiCounters, unknown)},
    {"overload_dropped", "packets dropped because the arena was used up",
     offsetof(DpiCounters, overload_dropped)},
    {"overload_bypassed", "flows let past dpi because the arena was used up",
     offsetof(DpiCounters, overload_bypassed)},
    {"arena_exhausted", "packets of flows under inspection that found the arena used up",
     offsetof(DpiCounters, arena_exhausted)},
    {"cycles_exceeded", "flows given up because one packet took more than max_cycles",
     offsetof(DpiCounters, cycles_exceeded)},
    {"evicted",
     "inspections ended early to make room; with many beside given_up, somebody sends junk in many "
     "flows",
     offsetof(DpiCounters, evicted)},
    {"restarted", "inspections begun again because an old policy had to go",
     offsetof(DpiCounters, restarted)},
    {"hosts_lost", "host names not kept for want of memory", offsetof(DpiCounters, hosts_lost)},
    {"http_requests", "HTTP requests read", offsetof(DpiCounters, http_requests)},
    {"tls_flows", "TLS handshakes told of", offsetof(DpiCounters, tls_flows)},
    {"quic_flows", "QUIC handshakes told of", offsetof(DpiCounters, quic_flows)},
    {"dns_queries", "DNS queries read", offsetof(DpiCounters, dns_queries)},
    {"scanned_packets", "packets of flows that rules apply to",
     offsetof(DpiCounters, scanned_packets)},
    {"tunnelled", "packets within packets that rules were asked of",
     offsetof(DpiCounters, tunnelled)},
    {"alerts", "rules matched, as far as their thresholds let them tell", offsetof(DpiCounters, alerts)},
    {"signature_drops", "packets stopped by a rule; the rest of the flow is not in this count",
     offsetof(DpiCounters, signature_drops)},
    {"sessions_evicted", "flows whose reading ended early to make room: reset ones first, then silent ones, then the oldest",
     offsetof(DpiCounters, sessions_evicted)},
    {"stream_drops", "segments dropped: other bytes than those sent first, or data behind a FIN",
     offsetof(DpiCounters, stream_drops)},
    {"wrong_side",
     "segments in the name of one end that came in where the other is: what they acknowledge does "
     "not count",
     offsetof(DpiCounters, wrong_side)},
    {"urgent_cleared", "segments whose urgent flag and pointer were taken out",
     offsetof(DpiCounters, urgent_cleared)},
    {"http_transactions",
     "HTTP requests with their responses, or either alone",
     offsetof(DpiCounters, http.transactions)},
    {"http_given_up",
     "flows of HTTP that went on as something else, or without memory",
     offsetof(DpiCounters, http.given_up)},
    {"http_no_memory",
     "HTTP transactions that are cut or missing for want of memory",
     offsetof(DpiCounters, http.no_memory)},
    {"http_outstanding_full",
     "HTTP requests finished early: too many without a response",
     offsetof(DpiCounters, http.outstanding_full)},
    {"http_header_too_long",
     "HTTP first lines and header blocks of which the end was not read",
     offsetof(DpiCounters, http.header_too_long)},
    {"http_gaps", "gaps in what HTTP says", offsetof(DpiCounters, http.body_gaps)},
    {"http_decode_errors",
     "HTTP bodies that are not coded as they say",
     offsetof(DpiCounters, http.decode_errors)},
    {"http_bombs",
     "HTTP bodies that grow too much when they are decoded",
     offsetof(DpiCounters, http.bombs)},
    {"tls_hellos", "flows of TLS with at least one hello", offsetof(DpiCounters, protocols.tls_flows)},
    {"tls_certificates", "certificates read", offsetof(DpiCounters, protocols.tls_certificates)},
    {"tls_bad_certificates",
     "certificates that are none",
     offsetof(DpiCounters, protocols.tls_bad_certificates)},
    {"tls_broken",
     "flows of TLS that went on as something else",
     offsetof(DpiCounters, protocols.tls_broken)},
    {"quic_opened",
     "flows of QUIC with an Initial that could be decrypted",
     offsetof(DpiCounters, protocols.quic_flows)},
    {"quic_undecryptable",
     "Initials of QUIC that could not",
     offsetof(DpiCounters, protocols.quic_undecryptable)},
    {"dns_questions", "questions of DNS messages", offsetof(DpiCounters, protocols.dns_queries)},
    {"dns_responses", "responses of DNS", offsetof(DpiCounters, protocols.dns_responses)},
    {"dns_unsolicited",
     "responses of DNS whose question was not seen",
     offsetof(DpiCounters, protocols.dns_unsolicited)},
    {"dns_malformed",
     "messages of DNS flows that are none",
     offsetof(DpiCounters, protocols.dns_malformed)},
    {"dns_outstanding_full",
     "questions finished early: too many without an answer",
     offsetof(DpiCounters, protocols.dns_outstanding_full)},
    {"ssh_flows", "flows of SSH with at least one banner", offsetof(DpiCounters, protocols.ssh_flows)},
    {"parser_no_memory",
     "parsers, and transactions of TLS, QUIC, DNS and SSH, that are cut or missing for want of memory",
     offsetof(DpiCounters, protocols.no_memory)},
    {"parser_truncated",
     "transactions of TLS, QUIC and DNS with more than is kept",
     offsetof(DpiCounters, protocols.truncated)},
    {"rules_scanned_bytes", "searched for the rules' patterns",
     offsetof(DpiCounters, rules.scanned_bytes)},
    {"rules_candidates", "rules asked because their pattern was found",
     offsetof(DpiCounters, rules.candidates)},
    {"rules_pending_lost", "rules that waited for more of a flow and could not be remembered",
     offsetof(DpiCounters, rules.pending_lost)},
    {"rules_state_lost", "flow bits and integers that could not be kept",
     offsetof(DpiCounters, rules.state_lost)},
    {"rules_matches_lost", "matches beyond 64 in one packet: not told, but obeyed",
     offsetof(DpiCounters, rules.matches_lost)},
    {"rules_thresholds_lost", "counts and bits by host that gave way to others before their time",
     offsetof(DpiCounters, rules.thresholds_lost)},
    {"rules_budget_exceeded", "packets whose rules were not all asked: they cost too much",
     offsetof(DpiCounters, rules.budget_exceeded)},
    {"rules_cut_short", "evaluations ended by a limit on steps, bytes or regular expressions",
     offsetof(DpiCounters, rules.cut_short)},
    {"stream_segments", "segments with payload", offsetof(DpiCounters, streams.segments)},
    {"stream_bytes", "bytes read in order", offsetof(DpiCounters, streams.bytes)},
    {"stream_out_of_order", "segments copied behind a gap",
     offsetof(DpiCounters, streams.out_of_order)},
    {"stream_held_bytes", "their bytes", offsetof(DpiCounters, streams.held_bytes)},
    {"stream_duplicates", "segments with nothing new, the same as before",
     offsetof(DpiCounters, streams.duplicates)},
    {"stream_old", "segments of which all had been acknowledged",
     offsetof(DpiCounters, streams.old)},
    {"stream_different", "segments that contradict what was kept",
     offsetof(DpiCounters, streams.different)},
    {"stream_out_of_window", "segments further ahead than is kept",
     offsetof(DpiCounters, streams.out_of_window)},
    {"stream_beyond_fin", "segments with data behind their sender's FIN",
     offsetof(DpiCounters, streams.beyond_fin)},
    {"stream_none", "segments of no stream: its beginning was not seen, a SYN on a live one",
     offsetof(DpiCounters, streams.no_stream)},
    {"stream_overload", "segments not taken for want of memory",
     offsetof(DpiCounters, streams.overload)},
    {"stream_unverified", "retransmissions whose first copy had been given up",
     offsetof(DpiCounters, streams.unverified)},
    {"stream_forgotten_bytes", "given up for newer ones before they were acknowledged",
     offsetof(DpiCounters, streams.forgotten_bytes)},
    {"stream_lost_gaps", "gaps acknowledged but never seen",
     offsetof(DpiCounters, streams.lost_gaps)},
    {"stream_lost_bytes", "their bytes", offsetof(DpiCounters, streams.lost_bytes)},
    {"stream_ack_of_unseen", "segments that acknowledge what never passed",
     offsetof(DpiCounters, streams.ack_of_unseen)},
    {"stream_depth_reached", "directions read to their depth",
     offsetof(DpiCounters, streams.depth_reached)},
    {"stream_urgent", "segments with URG", offsetof(DpiCounters, streams.urgent)},
};
static_assert(std::size(kCounters) * sizeof(uint64_t) == sizeof(DpiCounters));

constexpr DropReason kDropReasons[] = {
    {"signature",
     "a rule with the action drop or reject matched: this packet, and what follows of the flow where "
     "the rule read its stream or an exchange"},
    {"overload",
     "the arena was used up and on_overload is \"drop\": more flows at once than dpi was sized "
     "for, "
     "or an attack"},
    {"stream",
     "a segment whose bytes differ from those that were sent first, or that lie behind its sender's "
     "FIN, or too far ahead: a receiver might read other than dpi did"},
};

std::string show_applications(const CommandContext& context) {
  std::vector<uint64_t> flows(DpiStage::kMaxApplications);
  for (const Stage* stage : context.stages) {
    const auto& of_lane = static_cast<const DpiStage*>(stage)->flows_by_application();
    std::transform(of_lane.begin(), of_lane.end(), flows.begin(), flows.begin(), std::plus<>());
  }
  std::vector<size_t> order;
  for (size_t i = 0; i < flows.size(); ++i) {
    if (flows[i] != 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return flows[a] > flows[b]; });
  const auto& names = static_cast<const DpiPolicy&>(context.policy).names->applications;
  std::string text = "application                 flows\n";
  for (const size_t i : order) {
    char line[80];
    std::snprintf(line, sizeof line, "%-20s %12llu\n",
                  i < names.size() ? names[i].c_str() : std::to_string(i).c_str(),
                  static_cast<unsigned long long>(flows[i]));
    text += line;
  }
  return text;
}

std::string show_memory(const CommandContext& context) {
  std::string text =
      "lane  inspections      arena KiB (peak, of)          refused  module KiB  hosts KiB (of)  "
      "sessions          streams KiB (peak, of)\n";
  for (size_t lane = 0; lane < context.parts.size(); ++lane) {
    const auto* part = static_cast<const DpiPart*>(context.parts[lane]);
    const Arena& hosts = static_cast<const DpiStage*>(context.stages[lane])->host_memory();
    if (part == nullptr) continue;
    char line[256];
    std::snprintf(line, sizeof line,
                  "%4zu  %7u of %-7u %9zu (%zu, %zu) %14llu %11zu  %zu (%zu)  %7u of %-7u %9zu "
                  "(%zu, %zu)\n",
                  lane, part->pool.in_use(), part->pool.capacity(), part->arena.in_use() / 1024,
                  part->arena.peak() / 1024, part->arena.capacity() / 1024,
                  static_cast<unsigned long long>(part->arena.exhausted()),
                  part->engine.memory_bytes() / 1024, hosts.in_use() / 1024,
                  hosts.capacity() / 1024, part->sessions(), part->max_sessions(),
                  part->memory.in_use() / 1024, part->memory.peak() / 1024,
                  part->memory.capacity() / 1024);
    text += line;
  }
  return text;
}

std::string show_rules(const CommandContext& context) {
  const auto& policy = static_cast<const DpiPolicy&>(context.policy);
  char line[160];
  std::snprintf(line, sizeof line, "%zu rules, %zu patterns in %zu prefilters of %zu KiB\n",
                policy.rules->size(), policy.rules->patterns(), policy.rules->databases(),
                policy.rules->prefilter_bytes() / 1024);
  std::string text = line;
  if (policy.coverage.rules != 0) text += to_string(policy.coverage);
  for (size_t lane = 0; lane < context.stages.size(); ++lane) {
    const rules::DetectorCounters& c =
        static_cast<const DpiCounters*>(context.stages[lane]->counters())->rules;
    std::snprintf(line, sizeof line, "lane %zu: %llu bytes scanned, %llu candidates\n", lane,
                  static_cast<unsigned long long>(c.scanned_bytes),
                  static_cast<unsigned long long>(c.candidates));
    text += line;
  }
  return text;
}

constexpr StageCommand kCommands[] = {
    {"applications", "flows decided, by application", show_applications},
    {"memory", "inspections, sessions, arenas, nDPI module and host names of each lane", show_memory},
    {"rules", "how many are loaded, which were refused, what they cost", show_rules},
};

}  // namespace

constexpr StageType kDpiStage = {
    .name = "dpi",
    .help = "names each flow's application (nDPI) and asks Suricata's rules (Hyperscan, PCRE2)",
    .strays = true,
    .icmp_errors = true,
    .flow_slot_size = 8,
    .counters = kCounters,
    .drop_reasons = kDropReasons,
    .commands = kCommands,
    .compile = compile_dpi_policy,
    .create_lane_part = create_dpi_part,
    .create = [](const StageResources& resources) -> std::unique_ptr<Stage> {
      return std::make_unique<DpiStage>(resources);
    },
};

}  // namespace sluice

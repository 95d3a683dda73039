// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dpi_policy.h"

#include <array>
#include <bit>
#include <cstring>
#include <initializer_list>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "config/words.h"
#include "stages/dpi/dpi_stage.h"
#include "stages/dpi/rules_section.h"

namespace sluice {

namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Two TLS records' worth of a flow's start, in the arena's powers of two, and
// the reserve without which no packet is looked at.
size_t default_arena_bytes(uint32_t max_flows) {
  return 8 * kMiB + size_t{4096} * max_flows;
}

// They depend on the library alone, so one module tells them once and for all.
const ApplicationNames& names_of_ndpi() {
  static const ApplicationNames names = [] {
    ApplicationNames filled;
    NdpiEngine().name_applications(filled);
    return filled;
  }();
  return names;
}

// Numbers outlive a policy: flows and events carry them. So names are added, and
// none goes.
void name_own_applications(const OwnApplications& own, ConfigSection section,
                           ApplicationNames& names) {
  for (const std::string& name : own.names) {
    if (find_word(names.applications, name)) continue;
    if (names.applications.size() == DpiStage::kMaxApplications) {
      section.error("", "one application too many: " + name,
                    std::to_string(DpiStage::kMaxApplications) +
                        " of nDPI's and one's own together, with those of earlier configurations");
      return;
    }
    names.applications.push_back(name);
  }
}

// What a stream, a parser's blocks and a rule's memory take of a flow on the
// average: most say less than a kilobyte before they are decided.
size_t default_stream_bytes(uint32_t max_flows) {
  return 16 * kMiB + size_t{4096} * max_flows;
}

// What HTTP waits for fits into a stream, with a large frame behind it.
constexpr uint32_t kLargeFrame = 12 * 1024;
static_assert(HttpSettings::kMaxHeaderLimit + kLargeFrame + StreamBuffer::kBlockOverhead <=
              StreamOptions{}.bound);

constexpr uint64_t bits(std::initializer_list<Buffer> buffers) {
  uint64_t all = 0;
  for (const Buffer buffer : buffers) all |= buffer_bit(buffer);
  return all;
}

// What names a flow's host, and what is counted.
constexpr uint64_t kNaming = bits({Buffer::HttpHost, Buffer::HttpMethod, Buffer::TlsSni,
                                   Buffer::QuicSni, Buffer::DnsQuery});
// What events tell (flow_events.cc).
constexpr uint64_t kTold =
    bits({Buffer::HttpUriRaw, Buffer::HttpUserAgent, Buffer::HttpProtocol, Buffer::HttpReferer,
          Buffer::HttpContentType, Buffer::HttpLocation, Buffer::TlsAlpn, Buffer::Ja3Hash,
          Buffer::Ja3sHash, Buffer::Ja4, Buffer::TlsSubject, Buffer::TlsIssuer, Buffer::TlsSerial,
          Buffer::TlsFingerprint, Buffer::TlsSubjectAltName, Buffer::SshProtocol,
          Buffer::SshSoftware});

uint64_t buffers_for(const rules::RuleSet& rules, bool tells) {
  uint64_t wanted = kNaming | (tells ? kTold : 0);
  for (uint32_t i = 0; i < rules.size(); ++i) wanted |= rules.rule(i).buffers;
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    wanted |= rules.wanted_buffers(of);
  }
  return wanted;
}

// Adds to each of the counters of `sum` by how much `now` exceeds `told`.
template <typename Counters>
void add_news(Counters& sum, const Counters& now, Counters& told) noexcept {
  using Numbers = std::array<uint64_t, sizeof(Counters) / sizeof(uint64_t)>;
  if (std::memcmp(&now, &told, sizeof now) == 0) return;
  auto sums = std::bit_cast<Numbers>(sum);
  const auto is = std::bit_cast<Numbers>(now), was = std::bit_cast<Numbers>(told);
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += is[i] - was[i];
  sum = std::bit_cast<Counters>(sums);
  told = now;
}

StreamOptions stream_options(const DpiSettings& settings, bool replay, bool midstream) {
  StreamOptions options;
  options.depth = settings.depth;
  options.midstream = midstream;
  options.lossy = replay;
  return options;
}

}  // namespace

DpiPart::DpiPart(const DpiPolicy& policy, const Directory& directory, bool replay, bool tells)
    // A replay's memory may come page by page: nothing waits for it.
    : settings(policy.settings),
      arena(policy.settings.arena_bytes, !replay),
      engine(policy.own, *policy.names),
      pool(policy.settings.max_flows, !replay),
      memory(policy.settings.stream_bytes, !replay),
      streams(stream_options(settings, replay, settings.midstream)),
      picked_up(stream_options(settings, replay, true)),
      dissectors{{memory, {}, {}}, {memory, crypto}},
      wanted(buffers_for(*policy.rules, tells)),
      session_slab_(sizeof(Session), policy.settings.max_flows * kSessionsPerFlow, !replay) {
  want_as(*this);
  if (!policy.rules->empty()) detector.emplace(policy.rules, directory);
}

void DpiPart::want_as(const DpiPart& other) noexcept {
  const bool first = &other == this;
  dissectors.http.settings.wanted = first ? wanted : dissectors.http.settings.wanted | other.wanted;
  dissectors.protocols.wanted = first ? wanted : dissectors.protocols.wanted | other.wanted;
}

void DpiPart::collect(DpiCounters& counters) noexcept {
  add_news(counters.http, dissectors.http.counters, told_http_);
  add_news(counters.protocols, dissectors.protocols.counters, told_protocols_);
}

DpiPart::~DpiPart() {
  while (first() != nullptr) end(first());
  while (Session* session = oldest_session()) {
    session->dissector.forget();
    session->stream.release();
    session->rules.release();
    end_session(session);
  }
}

Session* DpiPart::begin_session(Flow& flow) noexcept {
  void* block = session_slab_.take();
  if (block == nullptr) return nullptr;
  auto* session = new (block) Session;
  session->part = this;
  session->flow = &flow;
  link(session);
  refer();
  return session;
}

void DpiPart::end_session(Session* session) noexcept {
  DpiPart& part = *session->part;
  part.unlink(session);
  session->~Session();
  part.session_slab_.give_back(session);
  part.unrefer();
}

void DpiPart::value(Session& session, SessionWorth worth) noexcept {
  if (session.worth == worth) return;
  session.part->unlink(&session);
  session.worth = worth;
  session.part->link(&session);
}

void DpiPart::link(Session* session) noexcept {
  SessionList& list = list_of(session->worth);
  session->prev = nullptr;
  session->next = list.first;
  (list.first != nullptr ? list.first->prev : list.last) = session;
  list.first = session;
}

void DpiPart::unlink(Session* session) noexcept {
  SessionList& list = list_of(session->worth);
  (session->next != nullptr ? session->next->prev : list.last) = session->prev;
  (session->prev != nullptr ? session->prev->next : list.first) = session->next;
}

Inspection* DpiPart::begin(Flow& flow) noexcept {
  if (!arena.has_reserve()) return nullptr;
  Inspection* inspection = pool.take();
  if (inspection == nullptr) return nullptr;
  inspection->part = this;
  inspection->flow = &flow;
  link(inspection);
  refer();
  return inspection;
}

void DpiPart::value(Inspection* inspection, bool precious) noexcept {
  if (inspection->precious == precious) return;
  unlink(inspection);
  inspection->precious = precious;
  link(inspection);
}

void DpiPart::end(Inspection* inspection) noexcept {
  NdpiEngine::release(*inspection->ndpi);
  unlink(inspection);
  pool.give_back(inspection);
  unrefer();
}

void DpiPart::link(Inspection* inspection) noexcept {
  List& list = list_of(inspection);
  inspection->prev = nullptr;
  inspection->next = list.first;
  (list.first != nullptr ? list.first->prev : list.last) = inspection;
  list.first = inspection;
}

void DpiPart::unlink(Inspection* inspection) noexcept {
  List& list = list_of(inspection);
  (inspection->next != nullptr ? inspection->next->prev : list.last) = inspection->prev;
  (inspection->prev != nullptr ? inspection->prev->next : list.first) = inspection->next;
}

std::unique_ptr<const StagePolicy> compile_dpi_policy(ConfigSection section,
                                                      CompileContext& context) {
  const size_t errors_before = section.errors().all().size();
  auto policy = std::make_unique<DpiPolicy>();
  DpiSettings& settings = policy->settings;
  settings.max_flows =
      static_cast<uint32_t>(section.integer("max_flows", settings.max_flows, 64, 1 << 20));
  const auto arena_mb = section.integer("arena_mb", 4, 1 << 16);
  settings.arena_bytes =
      arena_mb ? static_cast<size_t>(*arena_mb) * kMiB : default_arena_bytes(settings.max_flows);
  const auto stream_mb = section.integer("stream_mb", 4, 1 << 16);
  settings.stream_bytes =
      stream_mb ? static_cast<size_t>(*stream_mb) * kMiB : default_stream_bytes(settings.max_flows);
  settings.packets_tcp =
      static_cast<uint8_t>(section.integer("packets_tcp", settings.packets_tcp, 1, 255));
  settings.packets_udp =
      static_cast<uint8_t>(section.integer("packets_udp", settings.packets_udp, 1, 255));
  settings.guess = section.boolean("guess", settings.guess);
  settings.on_overload =
      section.choice<OnOverload>("on_overload", settings.on_overload,
                                 {{"bypass", OnOverload::Bypass}, {"drop", OnOverload::Drop}});
  settings.max_cycles =
      static_cast<uint64_t>(section.integer("max_cycles", 0, 0, int64_t{1} << 40));
  settings.midstream = section.boolean("midstream", settings.midstream);
  settings.depth = static_cast<uint64_t>(section.integer(
      "depth", static_cast<int64_t>(settings.depth), 0, int64_t{1} << 40));
  // Given even where this stage is wrong, so that the firewall's rules are
  // checked against them all the same.
  ApplicationNames& names = context.directory.applications;
  if (names.applications.empty()) names = names_of_ndpi();
  ConfigSection applications = section.table("applications");
  policy->own = read_own_applications(applications, context.base_dir);
  name_own_applications(policy->own, applications, names);
  policy->names = std::make_shared<const ApplicationNames>(names);
  policy->rules = compile_rules(section.table("rules"), context, policy->coverage);
  section.finish();
  if (!policy->rules || section.errors().all().size() != errors_before) return nullptr;
  return policy;
}

std::unique_ptr<LanePart> create_dpi_part(const StagePolicy& policy,
                                          const StageResources& resources) {
  const auto& dpi = static_cast<const DpiPolicy&>(policy);
  try {
    const bool tells = resources.events != nullptr && resources.events->enabled;
    return std::make_unique<DpiPart>(dpi, *resources.directory, resources.replay, tells);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(
        "stage dpi: not enough memory for max_flows = " + std::to_string(dpi.settings.max_flows) +
        ", arena_mb = " + std::to_string(dpi.settings.arena_bytes / kMiB) +
        ", stream_mb = " + std::to_string(dpi.settings.stream_bytes / kMiB));
  }
}

}  // namespace sluice

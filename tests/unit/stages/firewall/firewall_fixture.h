// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the firewall's tests share: a directory with names, policies from TOML,
// flows written as 5-tuples.
#pragma once

#include <gtest/gtest.h>
#include <ndpi/ndpi_api.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "chain/stage.h"
#include "flowtable/flow.h"
#include "stages/firewall/firewall_policy.h"

namespace sluice::test {

// nDPI's numbers stand for themselves here: the names' positions.
enum : uint16_t { kUnknown, kHttp, kTls, kYoutube, kGoogle, kDns, kQuic };

// Groups staff, guests, servers; users alice (staff), mallory (guests); service
// wiki (servers); device printer.
struct FirewallWorld {
  FirewallWorld() {
    directory.applications.applications = {"Unknown", "HTTP", "TLS", "YouTube",
                                           "Google",  "DNS",  "QUIC"};
    directory.applications.categories = {"Unspecified", "Web", "Media", "Network"};
    directory.intern_group("staff", staff);
    directory.intern_group("guests", guests);
    directory.intern_group("servers", servers);
    alice = directory.intern_identity(IdentityKind::User, "alice");
    mallory = directory.intern_identity(IdentityKind::User, "mallory");
    wiki = directory.intern_identity(IdentityKind::Service, "wiki");
    printer = directory.intern_identity(IdentityKind::Device, "printer");
    only_staff = set_of({staff});
    only_guests = set_of({guests});
    only_servers = set_of({servers});
    bound.groups = {{"staff", staff}, {"guests", guests}, {"servers", servers}};
    bound.identities[static_cast<size_t>(IdentityKind::User)] = {{"alice", alice},
                                                                 {"mallory", mallory}};
    bound.identities[static_cast<size_t>(IdentityKind::Service)] = {{"wiki", wiki}};
    bound.identities[static_cast<size_t>(IdentityKind::Device)] = {{"printer", printer}};
    config.line = {"identity", "dpi", "firewall", "forwarding"};
    config.chains = {{"full", config.line}, {"no-dpi", {"identity", "firewall", "forwarding"}}};
  }

  GroupSetId set_of(std::initializer_list<unsigned> members) {
    GroupBits bits;
    for (const unsigned group : members) bits.set(group);
    GroupSetId id = 0;
    directory.intern_group_set(bits, id);
    return id;
  }

  // `body`: what stands under [stage.firewall]. Null if there were errors.
  std::unique_ptr<const FirewallPolicy> compile(std::string_view body) {
    errors = {};
    const std::string text = "[stage.firewall]\n" + std::string(body);
    const auto document = ConfigDocument::parse(text, "test.toml", errors);
    if (!document) return nullptr;
    CompileContext context{.config = config,
                           .directory = directory,
                           .port_macs = {},
                           .base_dir = "",
                           .replay = false,
                           .extra_rules = {},
                           .bound = bound};
    auto policy = compile_firewall(stage_section(document->root(errors), "firewall"), context);
    return std::unique_ptr<const FirewallPolicy>(
        static_cast<const FirewallPolicy*>(policy.release()));
  }

  Config config;
  Directory directory;
  ConfigErrors errors;
  BoundNames bound;
  unsigned staff, guests, servers;
  NameId alice, mallory, wiki, printer;
  GroupSetId only_staff, only_guests, only_servers;
};

// An entry without packets: who opened it, and towards whom.
class TupleFlow {
 public:
  TupleFlow(std::string_view from, std::string_view to, uint8_t proto, uint16_t from_port,
            uint16_t port) {
    const auto source = parse_ip_address(from), destination = parse_ip_address(to);
    if (!source || !destination) throw std::invalid_argument("no address");
    set(source->bytes, destination->bytes, source->family, proto, from_port, port);
  }
  TupleFlow(const FlowAddress& from, const FlowAddress& to, uint8_t family, uint8_t proto,
            uint16_t from_port, uint16_t port) {
    set(from, to, family, proto, from_port, port);
  }

  Flow& operator*() { return *flow(); }
  Flow* flow() { return reinterpret_cast<Flow*>(memory_.data()); }
  FlowContext& context() { return sluice::context(*flow()); }

 private:
  void set(const FlowAddress& from, const FlowAddress& to, uint8_t family, uint8_t proto,
           uint16_t from_port, uint16_t port) {
    flow()->tail_distance = Flow::kHeadSize / 8;
    FlowKey& key = flow()->key;
    key.addr[0] = from;
    key.addr[1] = to;
    key.port[0] = __builtin_bswap16(from_port);
    key.port[1] = __builtin_bswap16(port);
    key.proto = proto;
    key.family = family;
    flow()->originator_end = normalise(key) ? 1 : 0;
  }

  alignas(64) std::array<std::byte, Flow::kHeadSize + 128> memory_{};
};

// Name of the rule that decides for certain; "?NAME" for one that waits.
inline std::string judged_by(const FirewallPolicy& policy, const Directory& directory, Flow& flow) {
  firewall::Judgement judgement;
  const Flow* flows[] = {&flow};
  policy.table.judge(flows, 1, directory, &judgement);
  const auto& rules = policy.table.rules();
  if (judgement.open != firewall::kNoRule) return "?" + rules[judgement.open].name;
  if (judgement.match != firewall::kNoRule) return rules[judgement.match].name;
  return directory.name(policy.default_rule);
}

}  // namespace sluice::test

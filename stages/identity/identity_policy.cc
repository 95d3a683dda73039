// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/identity/identity_policy.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "chain/policy.h"

namespace sluice {

namespace {

constexpr size_t kShownBindings = 1000;

std::string_view kind_word(IdentityKind kind) {
  switch (kind) {
    case IdentityKind::User:
      return "user";
    case IdentityKind::Device:
      return "device";
    case IdentityKind::Service:
      break;
  }
  return "service";
}

std::string place_name(const ConfigPosition& where) {
  return where.file + " line " + std::to_string(where.line);
}

template <typename T, typename F>
std::string joined(const std::vector<T>& list, F&& text) {
  std::string out;
  for (const T& item : list) {
    if (!out.empty()) out += ", ";
    out += text(item);
  }
  return out;
}

class BindingReader {
 public:
  BindingReader(CompileContext& context, IdentityPolicy& policy)
      : context_(context), policy_(policy) {}

  void read(ConfigSection& section) {
    const size_t errors_before = section.errors().all().size();
    BindingText text;
    text.prefixes = section.prefixes("prefix");
    for (const int64_t id : section.integers("vlan", 0, 4094)) {
      text.vlans.push_back(static_cast<uint16_t>(id));
    }
    text.ports = section.strings("port");
    if (!section.has("prefix") && !section.has("vlan") && !section.has("port")) {
      section.error("", "a binding of nothing", "at least one of prefix, vlan, port");
    }
    Binding binding;
    binding.identity = read_identity(section);
    binding.groups = read_groups(section);
    binding.chain = read_chain(section, text.chain);
    const std::vector<Place> places = read_places(section, text);
    section.finish();

    const auto index = static_cast<uint32_t>(policy_.bindings.size());
    // What is wrong in itself would only seem to collide with others, too.
    if (section.errors().all().size() == errors_before) add_entries(section, text, places, index);
    policy_.bindings.push_back(binding);
    policy_.texts.push_back(std::move(text));
  }

 private:
  NameId read_identity(ConfigSection& section) {
    NameId identity = 0;
    unsigned given = 0;
    for (const IdentityKind kind :
         {IdentityKind::User, IdentityKind::Device, IdentityKind::Service}) {
      const std::string_view key = kind_word(kind);
      const auto name = section.string(key);
      if (!section.has(key)) continue;
      ++given;
      if (!name) continue;
      if (name->empty() || name->size() > 255) {
        section.error(key, {}, "a name of 1 to 255 bytes");
        continue;
      }
      identity = context_.directory.intern_identity(kind, *name);
      context_.bound.identities[static_cast<size_t>(kind)][*name] = identity;
    }
    if (given != 1) {
      section.error("", given == 0 ? "none of user, device, service" : "more than one identity",
                    "exactly one of user, device, service");
    }
    return identity;
  }

  GroupSetId read_groups(ConfigSection& section) {
    GroupBits bits;
    const std::vector<std::string> names = section.strings("groups");
    for (size_t i = 0; i < names.size(); ++i) {
      unsigned group;
      if (names[i].empty()) {
        section.error_at("groups", i, {}, "the name of a group");
      } else if (context_.directory.intern_group(names[i], group)) {
        bits.set(group);
        context_.bound.groups[names[i]] = group;
      } else {
        section.error_at(
            "groups", i, "one group too many",
            "at most " + std::to_string(kMaxGroups) + " groups while the program runs");
      }
    }
    GroupSetId id = 0;
    if (!context_.directory.intern_group_set(bits, id)) {
      section.error("groups", "one combination of groups too many",
                    "at most 65,535 combinations while the program runs");
    }
    return id;
  }

  int16_t read_chain(ConfigSection& section, std::string& text) {
    const auto name = section.string("chain");
    if (!name) return -1;
    text = *name;
    std::vector<std::string> usable;
    for (size_t i = 0; i < context_.config.chains.size(); ++i) {
      const ChainConfig& chain = context_.config.chains[i];
      const auto& stages = chain.stages;
      if (std::find(stages.begin(), stages.end(), "identity") == stages.end()) continue;
      if (chain.name == *name) return static_cast<int16_t>(i);
      usable.push_back(chain.name);
    }
    std::string allowed = "a chain that has the stage identity: " +
                          joined(usable, [](const std::string& s) { return s; });
    if (const auto near = nearest(*name, usable); !near.empty()) {
      allowed += "; did you mean \"" + std::string(near) + "\"?";
    }
    section.error("chain", {}, allowed);
    return -1;
  }

  // All pairs of the VLANs and ports that the binding names.
  std::vector<Place> read_places(ConfigSection& section, const BindingText& text) {
    std::vector<uint16_t> ports;
    std::vector<std::string> known;
    for (const PortConfig& port : context_.config.ports) known.push_back(port.name);
    for (size_t i = 0; i < text.ports.size(); ++i) {
      const auto it = std::find(known.begin(), known.end(), text.ports[i]);
      if (it != known.end()) {
        ports.push_back(static_cast<uint16_t>(it - known.begin() + 1));
        continue;
      }
      std::string allowed = "one of: " + joined(known, [](const std::string& s) { return s; });
      if (const auto near = nearest(text.ports[i], known); !near.empty()) {
        allowed += "; did you mean \"" + std::string(near) + "\"?";
      }
      section.error_at("port", i, {}, allowed);
    }
    std::vector<uint16_t> vlans;
    for (const uint16_t id : text.vlans) vlans.push_back(static_cast<uint16_t>(id + 1));
    if (ports.empty()) ports.push_back(0);
    if (vlans.empty()) vlans.push_back(0);
    std::vector<Place> places;
    for (const uint16_t vlan : vlans) {
      for (const uint16_t port : ports) places.push_back({vlan, port});
    }
    return places;
  }

  void add_entries(ConfigSection& section, const BindingText& text,
                   const std::vector<Place>& places, uint32_t index) {
    const auto add = [&](const std::optional<IpPrefix>& prefix) {
      for (const Place& place : places) {
        if (policy_.table.add(prefix, place, index)) continue;
        if (!full_reported_) {
          section.error("", "one binding too many",
                        "at most " + std::to_string(BindingTable::kMaxEntries) +
                            " combinations of prefix, VLAN and port");
        }
        full_reported_ = true;
        return;
      }
    };
    if (section.has("prefix")) {
      for (const IpPrefix& prefix : text.prefixes) add(prefix);
    } else {
      add(std::nullopt);
    }
  }

  CompileContext& context_;
  IdentityPolicy& policy_;
  bool full_reported_ = false;
};

}  // namespace

std::unique_ptr<const StagePolicy> compile_identity(ConfigSection section,
                                                    CompileContext& context) {
  const size_t errors_before = section.errors().all().size();
  auto policy = std::make_unique<IdentityPolicy>();
  policy->port_chain = chains_of_ports(context.config);
  for (const PortConfig& port : context.config.ports) policy->peers.push_back(port.peer_index);
  policy->drop_unknown_source =
      section.choice<bool>("unknown_source", false, {{"pass", false}, {"drop", true}});
  std::vector<ConfigSection> sections = section.tables("binding");
  BindingReader reader(context, *policy);
  for (ConfigSection& s : sections) reader.read(s);
  section.finish();
  for (const BindingTable::Conflict& conflict : policy->table.build()) {
    sections[conflict.second].error(
        "", conflict.what + " is bound already",
        "other places than " + place_name(sections[conflict.first].position()) + " binds");
  }
  if (section.errors().all().size() != errors_before) return nullptr;
  return policy;
}

std::string show_bindings(const CommandContext& context) {
  const auto& policy = static_cast<const IdentityPolicy&>(context.policy);
  std::optional<IpAddress> wanted;
  if (!context.arguments.empty()) {
    wanted = parse_ip_address(context.arguments[0]);
    if (!wanted) return "not an address: " + context.arguments[0] + "\n";
  }
  std::string out;
  size_t shown = 0, left = 0;
  for (size_t i = 0; i < policy.bindings.size(); ++i) {
    const Binding& b = policy.bindings[i];
    const BindingText& t = policy.texts[i];
    if (wanted && !t.prefixes.empty() &&
        std::none_of(t.prefixes.begin(), t.prefixes.end(),
                     [&](const IpPrefix& p) { return p.contains(*wanted); })) {
      continue;
    }
    if (shown == kShownBindings) {
      ++left;
      continue;
    }
    ++shown;
    out += std::string(kind_word(context.directory.kind(b.identity))) + " " +
           context.directory.name(b.identity);
    const std::vector<std::string> groups = context.directory.group_names(b.groups);
    const auto same = [](const std::string& s) { return s; };
    if (!groups.empty()) out += "  groups " + joined(groups, same);
    if (!t.prefixes.empty()) {
      out += "  prefix " + joined(t.prefixes, [](const IpPrefix& p) { return to_string(p); });
    }
    if (!t.vlans.empty()) {
      out += "  vlan " + joined(t.vlans, [](uint16_t id) { return std::to_string(id); });
    }
    if (!t.ports.empty()) out += "  port " + joined(t.ports, same);
    if (!t.chain.empty()) out += "  chain " + t.chain;
    out += '\n';
  }
  if (left > 0) out += "... and " + std::to_string(left) + " more; name an address\n";
  if (out.empty()) out = wanted ? "no binding has this address\n" : "no bindings\n";
  return out;
}

}  // namespace sluice

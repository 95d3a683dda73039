// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_list.h"

#include <charconv>
#include <utility>

#include "config/errors.h"
#include "config/net_types.h"

namespace sluice {
namespace {

constexpr unsigned kMaxListDepth = 8;

// What differs between lists of addresses and of ports.
struct AddressItems {
  using Set = AddressSet;
  static constexpr const char* kAllowed =
      "any, an IPv4 or IPv6 address, a prefix, a list of them in [], ! in front to negate";
  static bool parse(std::string_view text, Set& set);
};

struct PortItems {
  using Set = PortSet;
  static constexpr const char* kAllowed =
      "any, a port 0 to 65535, a range a:b, :b or a:, a list of them in [], ! in front to negate";
  static bool parse(std::string_view text, Set& set);
};

bool AddressItems::parse(std::string_view text, Set& set) {
  InterfaceAddress prefix;
  if (const std::optional<IpAddress> address = parse_ip_address(text)) {
    prefix = {*address, static_cast<uint8_t>(address->family == 4 ? 32 : 128)};
  } else if (const std::optional<InterfaceAddress> network = parse_interface_address(text)) {
    prefix = *network;
  } else {
    return false;
  }
  const uint8_t* bytes = prefix.address.bytes.data();
  if (prefix.address.family == 4) {
    const uint32_t host =
        prefix.length == 0 ? ~uint32_t{0} : (uint32_t{1} << (32 - prefix.length)) - 1;
    set.ipv4.insert(ipv4_number(bytes) & ~host, ipv4_number(bytes) | host);
  } else {
    const Ipv6Number host =
        prefix.length == 0 ? ~Ipv6Number{0} : (Ipv6Number{1} << (128 - prefix.length)) - 1;
    set.ipv6.insert(ipv6_number(bytes) & ~host, ipv6_number(bytes) | host);
  }
  return true;
}

bool parse_port(std::string_view text, uint16_t& port) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  return code == std::errc{} && end == text.data() + text.size();
}

bool PortItems::parse(std::string_view text, Set& set) {
  const size_t colon = text.find(':');
  uint16_t first = 0;
  uint16_t last = PortSet::kMax;
  if (colon == std::string_view::npos) {
    if (!parse_port(text, first)) return false;
    last = first;
  } else {
    const std::string_view low = text.substr(0, colon);
    const std::string_view high = text.substr(colon + 1);
    if (low.empty() && high.empty()) return false;
    if (!low.empty() && !parse_port(low, first)) return false;
    if (!high.empty() && !parse_port(high, last)) return false;
    if (first > last) return false;
  }
  set.insert(first, last);
  return true;
}

// Errors point into `whole`; every view handed down is a part of it.
template <typename Items>
class ListParser {
 public:
  using Set = typename Items::Set;

  ListParser(std::string_view whole, SignatureListError& error) : whole_(whole), error_(error) {}

  bool parse(std::string_view text, unsigned depth, Set& set) {
    text = trim(text);
    bool negated = false;
    if (text.starts_with('!')) {
      negated = true;
      text = trim(text.substr(1));
    }
    Set one;
    if (!parse_plain(text, depth, one)) return false;
    if (negated) one.complement();
    set.unite(one);
    return true;
  }

 private:
  static std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
  }

  bool refuse(std::string_view at, std::string found, std::string allowed = Items::kAllowed) {
    error_.offset = static_cast<size_t>(at.data() - whole_.data());
    error_.found = std::move(found);
    error_.allowed = std::move(allowed);
    return false;
  }

  bool parse_plain(std::string_view text, unsigned depth, Set& set) {
    if (text.starts_with('[')) return parse_brackets(text, depth, set);
    if (text == "any") {
      set = Set::all();
      return true;
    }
    if (text.empty()) return refuse(text, "nothing");
    if (text.starts_with('$')) {
      return refuse(text, "variable " + quoted(text),
                    std::string("variables are not supported: write out ") + Items::kAllowed);
    }
    return Items::parse(text, set) || refuse(text, quoted(text));
  }

  bool parse_brackets(std::string_view text, unsigned depth, Set& set) {
    if (depth == kMaxListDepth) {
      return refuse(text, "lists in lists",
                    "at most " + std::to_string(kMaxListDepth) + " of them");
    }
    if (text.size() < 2 || text.back() != ']') return refuse(text, quoted(text), "a closing ]");
    Set named;
    Set negated;
    bool plain = false;
    std::string_view rest = text.substr(1, text.size() - 2);
    for (bool more = true; more;) {
      const size_t end = item_end(rest);
      std::string_view item = trim(rest.substr(0, end));
      more = end < rest.size();
      rest.remove_prefix(more ? end + 1 : rest.size());
      Set one;
      if (item.starts_with('!')) {
        if (!parse_plain(trim(item.substr(1)), depth + 1, one)) return false;
        negated.unite(one);
      } else {
        if (!parse_plain(item, depth + 1, one)) return false;
        named.unite(one);
        plain = true;
      }
    }
    // named without negated
    set = plain ? std::move(named) : Set::all();
    set.complement();
    set.unite(negated);
    set.complement();
    return true;
  }

  // To the comma that is in no inner list.
  static size_t item_end(std::string_view text) {
    unsigned depth = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '[') ++depth;
      if (text[i] == ']' && depth > 0) --depth;
      if (text[i] == ',' && depth == 0) return i;
    }
    return text.size();
  }

  std::string_view whole_;
  SignatureListError& error_;
};

template <typename Items>
std::optional<typename Items::Set> parse_list(std::string_view text, SignatureListError& error) {
  typename Items::Set set;
  if (!ListParser<Items>(text, error).parse(text, 0, set)) return std::nullopt;
  if (set.empty()) {
    error = {0, quoted(text) + ", which leaves nothing", Items::kAllowed};
    return std::nullopt;
  }
  return set;
}

}  // namespace

std::optional<AddressSet> parse_address_list(std::string_view text, SignatureListError& error) {
  return parse_list<AddressItems>(text, error);
}

std::optional<PortSet> parse_port_list(std::string_view text, SignatureListError& error) {
  return parse_list<PortItems>(text, error);
}

}  // namespace sluice

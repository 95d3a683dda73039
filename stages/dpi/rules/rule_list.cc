// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_list.h"

#include <charconv>
#include <utility>
#include <vector>

#include "config/errors.h"
#include "config/net_types.h"

namespace sluice::rules {
namespace {

constexpr unsigned kMaxListDepth = 16;
// Of one list with all that its variables stand for, so that variables which
// double each other end.
constexpr size_t kMaxListItems = 100'000;

void insert_ipv4(AddressSet& set, uint32_t network, unsigned length) {
  const uint32_t host = length == 0 ? ~uint32_t{0} : (uint32_t{1} << (32 - length)) - 1;
  set.ipv4.insert(network & ~host, network | host);
}

void insert_ipv6(AddressSet& set, Ipv6Number network, unsigned length) {
  const Ipv6Number host = length == 0 ? ~Ipv6Number{0} : (Ipv6Number{1} << (128 - length)) - 1;
  set.ipv6.insert(network & ~host, network | host);
}

// "192.0.2.1-192.0.2.9"
bool insert_range(std::string_view text, AddressSet& set) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const std::optional<IpAddress> first = parse_ip_address(text.substr(0, dash));
  const std::optional<IpAddress> last = parse_ip_address(text.substr(dash + 1));
  if (!first || !last || first->family != last->family) return false;
  if (first->family == 4) {
    const uint32_t low = ipv4_number(first->bytes.data());
    const uint32_t high = ipv4_number(last->bytes.data());
    if (low > high) return false;
    set.ipv4.insert(low, high);
  } else {
    const Ipv6Number low = ipv6_number(first->bytes.data());
    const Ipv6Number high = ipv6_number(last->bytes.data());
    if (low > high) return false;
    set.ipv6.insert(low, high);
  }
  return true;
}

// "192.0.2.0/255.255.255.0"
bool insert_masked(std::string_view text, AddressSet& set) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::optional<IpAddress> address = parse_ip_address(text.substr(0, slash));
  const std::optional<IpAddress> mask = parse_ip_address(text.substr(slash + 1));
  if (!address || !mask || address->family != 4 || mask->family != 4) return false;
  const uint32_t host = ~ipv4_number(mask->bytes.data());
  if ((host & (host + 1)) != 0) return false;  // ones behind zeroes
  const uint32_t number = ipv4_number(address->bytes.data());
  set.ipv4.insert(number & ~host, number | host);
  return true;
}

// What differs between lists of addresses and of ports.
struct AddressItems {
  using Set = AddressSet;
  static constexpr const char* kAllowed =
      "any, an IPv4 or IPv6 address, a prefix, a range, a $VARIABLE, a list of them in [], ! in "
      "front to negate";
  static bool parse(std::string_view text, Set& set) {
    if (const std::optional<IpAddress> address = parse_ip_address(text)) {
      const uint8_t* bytes = address->bytes.data();
      address->family == 4 ? insert_ipv4(set, ipv4_number(bytes), 32)
                           : insert_ipv6(set, ipv6_number(bytes), 128);
      return true;
    }
    if (const std::optional<InterfaceAddress> network = parse_interface_address(text)) {
      const uint8_t* bytes = network->address.bytes.data();
      network->address.family == 4 ? insert_ipv4(set, ipv4_number(bytes), network->length)
                                   : insert_ipv6(set, ipv6_number(bytes), network->length);
      return true;
    }
    return insert_range(text, set) || insert_masked(text, set);
  }
};

struct PortItems {
  using Set = PortSet;
  static constexpr const char* kAllowed =
      "any, a port 0 to 65535, a range a:b, :b or a:, a $VARIABLE, a list of them in [], ! in "
      "front to negate";
  static bool parse_port(std::string_view text, uint16_t& port) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
    return code == std::errc{} && end == text.data() + text.size();
  }
  static bool parse(std::string_view text, Set& set) {
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
};

// Errors point into `whole`, for what a variable stands for to the variable.
template <typename Items>
class ListParser {
 public:
  using Set = typename Items::Set;

  ListParser(std::string_view whole, const RuleVariables& variables, RuleListError& error)
      : whole_(whole), variables_(variables), error_(error) {}

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
    if (!open_.empty()) {
      // `at` is in the variable's text; the outermost one stands in `whole`.
      found += " in $" + std::string(open_.back());
      at = outermost_;
    }
    error_.offset = static_cast<size_t>(at.data() - whole_.data());
    error_.found = std::move(found);
    error_.allowed = std::move(allowed);
    return false;
  }

  bool parse_plain(std::string_view text, unsigned depth, Set& set) {
    if (++items_ > kMaxListItems) {
      return refuse(text, "more than " + std::to_string(kMaxListItems) + " items",
                    "a shorter list");
    }
    if (text.starts_with('[')) return parse_brackets(text, depth, set);
    if (text == "any") {
      set = Set::all();
      return true;
    }
    if (text.empty()) return refuse(text, "nothing");
    if (text.starts_with('$')) return parse_variable(text, depth, set);
    return Items::parse(text, set) || refuse(text, quoted(text));
  }

  bool parse_variable(std::string_view text, unsigned depth, Set& set) {
    const std::string_view name = text.substr(1);
    const std::string* value = variables_.find(name);
    if (value == nullptr) {
      return refuse(text, "variable " + quoted(text), "one that the configuration defines");
    }
    for (const std::string_view open : open_) {
      if (open == name)
        return refuse(text, "variable " + quoted(text), "none that refers to itself");
    }
    if (depth >= kMaxListDepth) return refuse(text, "lists in lists", at_most());
    if (open_.empty()) outermost_ = text;
    open_.push_back(name);
    const bool good = parse(*value, depth + 1, set);
    open_.pop_back();
    return good;
  }

  static std::string at_most() { return "at most " + std::to_string(kMaxListDepth) + " of them"; }

  bool parse_brackets(std::string_view text, unsigned depth, Set& set) {
    if (depth >= kMaxListDepth) return refuse(text, "lists in lists", at_most());
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
  const RuleVariables& variables_;
  RuleListError& error_;
  std::vector<std::string_view> open_;  // variables that are being read
  std::string_view outermost_;          // the first of them, in `whole_`
  size_t items_ = 0;
};

template <typename Items>
const typename Items::Set* parse_list(
    std::string_view text, const RuleVariables& variables,
    std::map<std::string, typename Items::Set, std::less<>>& known, RuleListError& error) {
  if (const auto found = known.find(text); found != known.end()) return &found->second;
  typename Items::Set set;
  if (!ListParser<Items>(text, variables, error).parse(text, 0, set)) return nullptr;
  if (set.empty()) {
    error = {0, quoted(text) + ", which leaves nothing", Items::kAllowed};
    return nullptr;
  }
  return &known.emplace(text, std::move(set)).first->second;
}

}  // namespace

const AddressSet* RuleLists::addresses(std::string_view text, RuleListError& error) {
  return parse_list<AddressItems>(text, variables_, addresses_, error);
}

const PortSet* RuleLists::ports(std::string_view text, RuleListError& error) {
  return parse_list<PortItems>(text, variables_, ports_, error);
}

}  // namespace sluice::rules

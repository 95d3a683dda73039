// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/section.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "config/section_state.h"

namespace sluice {
namespace {

constexpr const char* kAddressForm = "an IPv4 or IPv6 address";
constexpr const char* kPrefixForm = "a prefix such as 192.0.2.0/24 or 2001:db8::/32";
constexpr const char* kInterfaceForm = "an address with its length, such as 192.0.2.1/24";
constexpr const char* kMacForm = "a MAC address such as 02:00:00:00:00:01";

std::string range(std::string_view what, int64_t min, int64_t max) {
  return std::string(what) + " from " + std::to_string(min) + " to " + std::to_string(max);
}

// toml11 3 clamps what does not fit into 64 bits.
bool overflowed(int64_t value) {
  return value == std::numeric_limits<int64_t>::max() ||
         value == std::numeric_limits<int64_t>::min();
}

std::string prefix_hint(const std::string& text) {
  const auto address = parse_interface_address(text);
  if (!address) return kPrefixForm;
  return "a prefix without bits behind its length: " + to_string(address->network());
}

bool is(const ConfigNode& node, ConfigNode::Type type) {
  return node.type == type;
}

// "100-199"
std::optional<std::pair<int64_t, int64_t>> parse_integer_range(std::string_view text) {
  const char* const end = text.data() + text.size();
  int64_t first = 0, last = 0;
  const auto [dash, first_error] = std::from_chars(text.data(), end, first);
  if (first_error != std::errc{} || dash == end || *dash != '-') return std::nullopt;
  const auto [rest, last_error] = std::from_chars(dash + 1, end, last);
  if (last_error != std::errc{} || rest != end) return std::nullopt;
  return std::pair{first, last};
}

// Calls `each(value, key)` for every element of an array, or for a single value.
template <typename Each>
void for_each_element(const ConfigNode& node, const std::string& path, Each each) {
  if (!is(node, ConfigNode::Type::Array)) return each(node, path);
  for (size_t i = 0; i < node.children.size(); ++i) {
    each(node.children[i], path + '[' + std::to_string(i) + ']');
  }
}

}  // namespace

const ConfigNode* ConfigSection::State::find(std::string_view key) {
  if (std::find(known.begin(), known.end(), key) == known.end()) known.emplace_back(key);
  return node == nullptr ? nullptr : node->find(key);
}

std::string ConfigSection::State::path_of(std::string_view key) const {
  if (key.empty()) return path;
  const bool bare =
      key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
      std::string_view::npos;
  std::string out = path;
  if (!out.empty()) out += '.';
  return out + (bare ? std::string(key) : quoted(key));
}

void ConfigSection::State::fail(ConfigPlace where, std::string key, std::string found,
                                std::string allowed) {
  errors->add({position_of(*sources, where), std::move(key), std::move(found), std::move(allowed)});
}

void ConfigSection::State::refuse(const ConfigNode& what, std::string key, std::string allowed) {
  fail(what.value, std::move(key), describe(what), std::move(allowed));
}

bool ConfigSection::has(std::string_view key) const {
  return state_->find(key) != nullptr;
}

bool ConfigSection::present() const noexcept {
  return state_->node != nullptr;
}

bool ConfigSection::failed(std::string_view key) const {
  const std::string path = state_->path_of(key);
  const auto& all = errors().all();
  return std::any_of(all.begin(), all.end(), [&](const ConfigError& e) {
    if (!std::string_view(e.key).starts_with(path)) return false;
    return e.key.size() == path.size() || e.key[path.size()] == '[' || e.key[path.size()] == '.';
  });
}

std::optional<std::string> ConfigSection::string(std::string_view key) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  if (is(*node, ConfigNode::Type::String)) return node->text;
  state_->refuse(*node, state_->path_of(key), "a string");
  return std::nullopt;
}

std::string ConfigSection::string(std::string_view key, std::string_view fallback) {
  return string(key).value_or(std::string(fallback));
}

std::string ConfigSection::required_string(std::string_view key) {
  if (!has(key)) error(key, "nothing", "a string; the key is required");
  return string(key).value_or("");
}

std::optional<int64_t> ConfigSection::integer(std::string_view key, int64_t min, int64_t max) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  const bool fits = is(*node, ConfigNode::Type::Integer) && !overflowed(node->integer) &&
                    node->integer >= min && node->integer <= max;
  if (fits) return node->integer;
  state_->refuse(*node, state_->path_of(key), range("an integer", min, max));
  return std::nullopt;
}

int64_t ConfigSection::integer(std::string_view key, int64_t fallback, int64_t min, int64_t max) {
  return integer(key, min, max).value_or(fallback);
}

double ConfigSection::number(std::string_view key, double fallback, double min, double max) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return fallback;
  double value = std::nan("");
  if (is(*node, ConfigNode::Type::Float)) value = node->number;
  if (is(*node, ConfigNode::Type::Integer)) value = static_cast<double>(node->integer);
  // Written so that NaN does not pass.
  if (value >= min && value <= max) return value;
  char text[80];
  std::snprintf(text, sizeof(text), "a number from %g to %g", min, max);
  state_->refuse(*node, state_->path_of(key), text);
  return fallback;
}

bool ConfigSection::boolean(std::string_view key, bool fallback) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return fallback;
  if (is(*node, ConfigNode::Type::Boolean)) return node->boolean;
  state_->refuse(*node, state_->path_of(key), "true or false");
  return fallback;
}

std::optional<size_t> ConfigSection::choice_index(std::string_view key,
                                                  const std::vector<std::string_view>& names) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  if (is(*node, ConfigNode::Type::String)) {
    const auto it = std::find(names.begin(), names.end(), node->text);
    if (it != names.end()) return static_cast<size_t>(it - names.begin());
  }
  std::vector<std::string> words;
  for (const std::string_view name : names) words.push_back(quoted(name));
  std::string allowed = one_of(words, "");
  const std::vector<std::string> plain(names.begin(), names.end());
  if (const std::string_view near = nearest(node->text, plain); !near.empty()) {
    allowed += "; did you mean " + quoted(near) + "?";
  }
  state_->refuse(*node, state_->path_of(key), std::move(allowed));
  return std::nullopt;
}

std::vector<std::string> ConfigSection::strings(std::string_view key) {
  std::vector<std::string> out;
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return out;
  for_each_element(*node, state_->path_of(key), [&](const ConfigNode& value, std::string path) {
    if (is(value, ConfigNode::Type::String)) {
      out.push_back(value.text);
    } else {
      state_->refuse(value, std::move(path), "a string");
    }
  });
  return out;
}

std::vector<int64_t> ConfigSection::integers(std::string_view key, int64_t min, int64_t max) {
  std::vector<int64_t> out;
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return out;
  for_each_element(*node, state_->path_of(key), [&](const ConfigNode& value, std::string path) {
    const bool fits = is(value, ConfigNode::Type::Integer) && !overflowed(value.integer) &&
                      value.integer >= min && value.integer <= max;
    if (fits) {
      out.push_back(value.integer);
    } else {
      state_->refuse(value, std::move(path), range("an integer", min, max));
    }
  });
  return out;
}

std::vector<int64_t> ConfigSection::integer_set(std::string_view key, int64_t min, int64_t max) {
  std::set<int64_t> out;
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return {};
  for_each_element(*node, state_->path_of(key), [&](const ConfigNode& value, std::string path) {
    std::optional<std::pair<int64_t, int64_t>> ends;
    if (is(value, ConfigNode::Type::String)) {
      ends = parse_integer_range(value.text);
    } else if (is(value, ConfigNode::Type::Integer) && !overflowed(value.integer)) {
      ends = {value.integer, value.integer};
    }
    if (!ends || ends->first < min || ends->second > max || ends->first > ends->second) {
      state_->refuse(value, std::move(path),
                     range("an integer", min, max) + ", or a range of them such as \"100-199\"");
      return;
    }
    for (int64_t i = ends->first; i <= ends->second; ++i) out.insert(i);
  });
  return {out.begin(), out.end()};
}

std::vector<IpPrefix> ConfigSection::prefixes(std::string_view key) {
  std::vector<IpPrefix> out;
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return out;
  for_each_element(*node, state_->path_of(key), [&](const ConfigNode& value, std::string path) {
    const bool text = is(value, ConfigNode::Type::String);
    if (const auto prefix = text ? parse_ip_prefix(value.text) : std::nullopt) {
      out.push_back(*prefix);
    } else {
      state_->refuse(value, std::move(path), text ? prefix_hint(value.text) : kPrefixForm);
    }
  });
  return out;
}

std::vector<InterfaceAddress> ConfigSection::interface_addresses(std::string_view key) {
  std::vector<InterfaceAddress> out;
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return out;
  for_each_element(*node, state_->path_of(key), [&](const ConfigNode& value, std::string path) {
    std::optional<InterfaceAddress> address;
    // Without a length nobody knows who is on the link.
    if (is(value, ConfigNode::Type::String) && value.text.find('/') != std::string::npos) {
      address = parse_interface_address(value.text);
    }
    if (address) {
      out.push_back(*address);
    } else {
      state_->refuse(value, std::move(path), kInterfaceForm);
    }
  });
  return out;
}

std::optional<IpAddress> ConfigSection::ip_address(std::string_view key) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  const auto parsed =
      is(*node, ConfigNode::Type::String) ? parse_ip_address(node->text) : std::nullopt;
  if (!parsed) state_->refuse(*node, state_->path_of(key), kAddressForm);
  return parsed;
}

std::optional<IpPrefix> ConfigSection::prefix(std::string_view key) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  const bool text = is(*node, ConfigNode::Type::String);
  const auto parsed = text ? parse_ip_prefix(node->text) : std::nullopt;
  if (!parsed) {
    state_->refuse(*node, state_->path_of(key), text ? prefix_hint(node->text) : kPrefixForm);
  }
  return parsed;
}

std::optional<MacAddress> ConfigSection::mac_address(std::string_view key) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  const auto parsed =
      is(*node, ConfigNode::Type::String) ? parse_mac_address(node->text) : std::nullopt;
  if (!parsed) state_->refuse(*node, state_->path_of(key), kMacForm);
  return parsed;
}

ConfigSection ConfigSection::table(std::string_view key) {
  auto state = std::make_shared<State>();
  state->path = state_->path_of(key);
  state->place = state_->place;
  state->sources = state_->sources;
  state->errors = state_->errors;
  if (const ConfigNode* node = state_->find(key)) {
    state->place = node->value;
    if (is(*node, ConfigNode::Type::Table)) {
      state->node = node;
    } else {
      state_->refuse(*node, state->path, "a table: [" + state->path + "]");
    }
  }
  return ConfigSection(std::move(state));
}

std::vector<ConfigSection> ConfigSection::tables(std::string_view key) {
  std::vector<ConfigSection> out;
  const ConfigNode* node = state_->find(key);
  if (node == nullptr) return out;
  const std::string path = state_->path_of(key);
  if (!is(*node, ConfigNode::Type::Array)) {
    state_->refuse(*node, path, "an array of tables: [[" + path + "]]");
    return out;
  }
  for (size_t i = 0; i < node->children.size(); ++i) {
    const ConfigNode& element = node->children[i];
    const std::string element_path = path + '[' + std::to_string(i) + ']';
    if (!is(element, ConfigNode::Type::Table)) {
      state_->refuse(element, element_path, "a table");
      continue;
    }
    auto state = std::make_shared<State>();
    state->node = &element;
    state->path = element_path;
    state->place = element.value;
    state->sources = state_->sources;
    state->errors = state_->errors;
    out.push_back(ConfigSection(std::move(state)));
  }
  return out;
}

std::vector<std::string> ConfigSection::keys() {
  std::vector<std::string> out;
  if (state_->node == nullptr) return out;
  for (const ConfigNode& child : state_->node->children) {
    state_->find(child.name);
    out.push_back(child.name);
  }
  return out;
}

void ConfigSection::error(std::string_view key, std::string found, std::string allowed) {
  const ConfigNode* node = key.empty() ? nullptr : state_->find(key);
  if (found.empty()) {
    if (node != nullptr) found = describe(*node);
    if (node == nullptr) found = key.empty() && present() ? describe(*state_->node) : "nothing";
  }
  state_->fail(node != nullptr ? node->value : state_->place, state_->path_of(key),
               std::move(found), std::move(allowed));
}

void ConfigSection::error_at(std::string_view key, size_t element, std::string found,
                             std::string allowed) {
  const ConfigNode* node = state_->find(key);
  if (node == nullptr || !is(*node, ConfigNode::Type::Array) || element >= node->children.size()) {
    return error(key, std::move(found), std::move(allowed));
  }
  const ConfigNode& value = node->children[element];
  if (found.empty()) found = describe(value);
  state_->fail(value.value, state_->path_of(key) + '[' + std::to_string(element) + ']',
               std::move(found), std::move(allowed));
}

void ConfigSection::finish() {
  if (state_->node == nullptr) return;
  const std::vector<std::string>& known = state_->known;
  for (const ConfigNode& child : state_->node->children) {
    if (std::find(known.begin(), known.end(), child.name) != known.end()) continue;
    state_->fail(child.key, state_->path_of(child.name), "an unknown key",
                 one_of(known, child.name));
  }
}

ConfigPosition ConfigSection::position(std::string_view key) const {
  const ConfigNode* node = key.empty() ? nullptr : state_->find(key);
  return position_of(*state_->sources, node != nullptr ? node->value : state_->place);
}

std::string ConfigSection::path() const {
  return state_->path;
}

ConfigErrors& ConfigSection::errors() const {
  return *state_->errors;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "config/node.h"
#include "config/section_state.h"
#include "config/toml_reader.h"

namespace sluice {
namespace {

constexpr size_t kMaxFile = 16u << 20;
constexpr size_t kMaxOverride = 64u << 10;
constexpr size_t kMaxOverrideParts = 24;

// One step of an override's path: a key, or an index into an array.
struct Step {
  std::string key;
  std::optional<size_t> index;
  uint32_t column;
};

struct Assignment {
  std::vector<Step> path;
  size_t equals = 0;  // offset of '='
};

// `key.key[0]."any key" = ...`. Nothing, if it is not of that form.
std::optional<Assignment> split_assignment(std::string_view text) {
  Assignment out;
  size_t i = 0;
  const auto peek = [&] { return i < text.size() ? text[i] : '\0'; };
  for (;;) {
    if (out.path.size() >= kMaxOverrideParts) return std::nullopt;
    Step step{{}, std::nullopt, static_cast<uint32_t>(i + 1)};
    if (peek() == '"' || peek() == '\'') {
      const size_t close = text.find(text[i], i + 1);
      if (close == std::string_view::npos) return std::nullopt;
      step.key = text.substr(i + 1, close - i - 1);
      i = close + 1;
    } else {
      const size_t end = std::min(text.find_first_of(".[]=\"' \t", i), text.size());
      step.key = text.substr(i, end - i);
      i = end;
      if (step.key.empty()) return std::nullopt;
    }
    out.path.push_back(std::move(step));
    while (peek() == '[') {
      Step element{{}, 0, static_cast<uint32_t>(i + 1)};
      const size_t close = text.find(']', i);
      if (close == std::string_view::npos || close == i + 1 || close - i > 6) return std::nullopt;
      for (size_t k = i + 1; k < close; ++k) {
        if (text[k] < '0' || text[k] > '9') return std::nullopt;
        element.index = *element.index * 10 + static_cast<size_t>(text[k] - '0');
      }
      out.path.push_back(std::move(element));
      i = close + 1;
    }
    while (peek() == ' ') ++i;
    if (peek() == '=') {
      out.equals = i;
      return out;
    }
    if (peek() != '.') return std::nullopt;
    ++i;
  }
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// The value behind '='. What is no TOML and does not look as if it wanted to be
// is a string: people do not quote twice on a command line.
std::optional<ConfigNode> read_value(std::string_view assignment, size_t equals,
                                     const ConfigSources& sources, uint32_t source,
                                     ConfigErrors& errors) {
  const std::string_view value = trimmed(assignment.substr(equals + 1));
  const auto as_string = [&](std::string_view text) {
    ConfigNode node;
    node.type = ConfigNode::Type::String;
    node.text = text;
    const size_t offset = static_cast<size_t>(value.data() - assignment.data());
    node.value = {source, 1, static_cast<uint32_t>(offset + 1)};
    return node;
  };
  // A key as long as the path keeps the columns right.
  std::string text = "v" + std::string(equals - 1, ' ');
  text += assignment.substr(equals);
  ConfigErrors syntax;
  auto root = read_toml(text, sources, source, syntax);
  const bool one = root && root->children.size() == 1 && root->children[0].name == "v";
  if (one && root->children[0].type != ConfigNode::Type::DateTime) {
    return std::move(root->children[0]);
  }
  const bool wants_toml =
      !value.empty() && std::string_view("\"'[{").find(value[0]) != std::string_view::npos;
  if (!wants_toml && value.find('\n') == std::string_view::npos) return as_string(value);
  for (const ConfigError& error : syntax.all()) errors.add(error);
  if (syntax.empty()) {
    errors.add({position_of(sources, {source, 1, static_cast<uint32_t>(equals + 2)}), "",
                "several values", "key=value"});
  }
  return std::nullopt;
}

}  // namespace

struct ConfigDocument::Impl {
  ConfigSources sources;
  ConfigNode root;
};

ConfigDocument::ConfigDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ConfigDocument::~ConfigDocument() = default;

std::unique_ptr<ConfigDocument> ConfigDocument::load(const std::string& path,
                                                     ConfigErrors& errors) {
  const auto fail = [&](std::string found, std::string allowed) {
    errors.add({{path, 0, 0, ""}, "", std::move(found), std::move(allowed)});
    return nullptr;
  };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) return fail(std::strerror(errno), "a file that can be read");
  std::string text;
  char buffer[16384];
  while (const size_t size = std::fread(buffer, 1, sizeof(buffer), file.get())) {
    text.append(buffer, size);
    if (text.size() > kMaxFile) {
      return fail("a file of more than " + std::to_string(kMaxFile >> 20) + " MiB",
                  "a configuration file");
    }
  }
  if (std::ferror(file.get())) return fail(std::strerror(errno), "a file that can be read");
  return parse(text, path, errors);
}

std::unique_ptr<ConfigDocument> ConfigDocument::parse(std::string_view text,
                                                      const std::string& name,
                                                      ConfigErrors& errors) {
  auto impl = std::make_unique<Impl>();
  impl->sources.emplace_back(name, std::string(text), true);
  auto root = read_toml(impl->sources[0].text(), impl->sources, 0, errors);
  if (!root) return nullptr;
  impl->root = std::move(*root);
  return std::unique_ptr<ConfigDocument>(new ConfigDocument(std::move(impl)));
}

void ConfigDocument::set(std::string_view assignment, ConfigErrors& errors) {
  ConfigSources& sources = impl_->sources;
  const auto source = static_cast<uint32_t>(sources.size());
  const std::string_view shown = assignment.substr(0, kMaxOverride);
  sources.emplace_back("--set", std::string(shown), false);
  std::string key;
  const auto fail = [&](uint32_t column, std::string found, std::string allowed) {
    errors.add(
        {position_of(sources, {source, 1, column}), key, std::move(found), std::move(allowed)});
  };
  const auto parsed = split_assignment(shown);
  if (!parsed || shown.size() != assignment.size()) {
    return fail(1, quoted(assignment), "key=value, such as port[0].mtu=9000");
  }
  key = trimmed(shown.substr(0, parsed->equals));
  auto value = read_value(shown, parsed->equals, sources, source, errors);
  if (!value) return;

  ConfigNode* at = &impl_->root;
  for (size_t i = 0; i < parsed->path.size(); ++i) {
    const Step& step = parsed->path[i];
    const ConfigPlace place{source, 1, step.column};
    const auto wanted = step.index ? ConfigNode::Type::Array : ConfigNode::Type::Table;
    if (at->type != wanted) {
      return fail(step.column, describe(*at) + " in front of this",
                  step.index ? "an array" : "a table");
    }
    ConfigNode* next = nullptr;
    if (step.index) {
      if (*step.index > at->children.size()) {
        return fail(step.column, "index " + std::to_string(*step.index),
                    "0 to " + std::to_string(at->children.size()) + " (the last one appends)");
      }
      if (*step.index < at->children.size()) next = &at->children[*step.index];
    } else {
      next = at->find(step.key);
    }
    if (next == nullptr) {
      next = &at->children.emplace_back();
      next->name = step.key;
      next->key = next->value = place;
      const bool indexed = i + 1 < parsed->path.size() && parsed->path[i + 1].index;
      next->type = indexed ? ConfigNode::Type::Array : ConfigNode::Type::Table;
    }
    at = next;
  }
  const Step& last = parsed->path.back();
  value->name = last.key;
  value->key = {source, 1, last.column};
  *at = std::move(*value);
}

ConfigSection ConfigDocument::root(ConfigErrors& errors) {
  auto state = std::make_shared<ConfigSection::State>();
  state->node = &impl_->root;
  state->place = {0, 1, 1};
  state->sources = &impl_->sources;
  state->errors = &errors;
  return ConfigSection(std::move(state));
}

}  // namespace sluice

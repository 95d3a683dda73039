// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/node.h"

#include "config/errors.h"

namespace sluice {

const ConfigNode* ConfigNode::find(std::string_view child) const noexcept {
  if (type != Type::Table) return nullptr;
  for (const ConfigNode& node : children) {
    if (node.name == child) return &node;
  }
  return nullptr;
}

ConfigNode* ConfigNode::find(std::string_view child) noexcept {
  return const_cast<ConfigNode*>(static_cast<const ConfigNode*>(this)->find(child));
}

std::string describe(const ConfigNode& node) {
  const auto written = [&](const char* what) {
    const std::string text = quoted(node.text);
    return what + text.substr(1, text.size() - 2);
  };
  switch (node.type) {
    case ConfigNode::Type::Boolean:
      return node.boolean ? "boolean true" : "boolean false";
    case ConfigNode::Type::Integer:
      return written("integer ");
    case ConfigNode::Type::Float:
      return written("number ");
    case ConfigNode::Type::String:
      return "string " + quoted(node.text);
    case ConfigNode::Type::DateTime:
      return written("date or time ");
    case ConfigNode::Type::Array:
      return node.children.empty() ? "an empty array"
                                   : "an array of " + std::to_string(node.children.size()) +
                                         (node.children.size() == 1 ? " element" : " elements");
    case ConfigNode::Type::Table:
      break;
  }
  return "a table";
}

ConfigSource::ConfigSource(std::string name, std::string text, bool is_file)
    : name_(std::move(name)), text_(std::move(text)), is_file_(is_file), line_starts_{0} {
  for (size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
}

std::string ConfigSource::line(uint32_t number) const {
  if (number == 0 || number > line_starts_.size()) return {};
  const size_t begin = line_starts_[number - 1];
  size_t end = text_.find('\n', begin);
  if (end == std::string::npos) end = text_.size();
  if (end > begin && text_[end - 1] == '\r') --end;
  return text_.substr(begin, end - begin);
}

ConfigPosition position_of(const ConfigSources& sources, ConfigPlace place) {
  const ConfigSource& source = sources[place.source];
  return {source.name(), source.is_file() ? place.line : 0, place.column, source.line(place.line)};
}

}  // namespace sluice

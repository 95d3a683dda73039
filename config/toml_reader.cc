// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/toml_reader.h"

#include <algorithm>
#include <sstream>
#include <tuple>

#include "config/toml_compat.h"
#include "config/toml_scan.h"

namespace sluice {
namespace {

// Far above any configuration; keeps a wrong file name from eating the memory.
constexpr size_t kMaxText = 16u << 20;

std::string_view strip_function_name(std::string_view title) {
  if (title.starts_with("[error] ")) title.remove_prefix(8);
  if (title.starts_with("toml::")) {
    const size_t colon = title.find(": ");
    title.remove_prefix(colon == std::string_view::npos ? 6 : colon + 2);
  }
  while (title.ends_with('.')) title.remove_suffix(1);
  return title;
}

// Offset of the first byte that is no well-formed UTF-8 (RFC 3629), or npos.
size_t bad_utf8(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    const auto byte = [&](size_t k) -> unsigned {
      return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u;
    };
    const unsigned c = byte(i);
    size_t follow = 0;
    unsigned low = 0x80, high = 0xbf;  // of the second byte
    if (c < 0x80) {
      ++i;
      continue;
    } else if (c >= 0xc2 && c <= 0xdf) {
      follow = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
      follow = 2;
      if (c == 0xe0) low = 0xa0;
      if (c == 0xed) high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
      follow = 3;
      if (c == 0xf0) low = 0x90;
      if (c == 0xf4) high = 0x8f;
    } else {
      return i;
    }
    if (byte(i + 1) < low || byte(i + 1) > high) return i;
    for (size_t k = 2; k <= follow; ++k) {
      if (byte(i + k) < 0x80 || byte(i + k) > 0xbf) return i;
    }
    i += follow + 1;
  }
  return std::string_view::npos;
}

ConfigPlace place_of_offset(std::string_view text, size_t offset, uint32_t source) {
  ConfigPlace place{source, 1, 1};
  for (size_t i = 0; i < offset; ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

// toml11 counts bytes, people count characters.
uint32_t characters(std::string_view line, uint32_t bytes) {
  const auto before = line.substr(0, std::min<size_t>(line.size(), bytes == 0 ? 0 : bytes - 1));
  return 1 + static_cast<uint32_t>(std::count_if(before.begin(), before.end(), [](char c) {
           return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
         }));
}

class Converter {
 public:
  Converter(const TomlScan& scan, uint32_t source) : scan_(scan), source_(source) {}

  // Depth is bounded by the scan that came before.
  ConfigNode convert(const toml::value& value, const std::string& path, ConfigPlace parent) const {
    ConfigNode node;
    node.key = node.value = parent;
    std::string_view raw;
    if (const TomlMark* mark = scan_.find(path)) {
      node.key = {source_, mark->key_line, mark->key_column};
      node.value = {source_, mark->line, mark->column};
      raw = mark->raw;
    }
    switch (value.type()) {
      case toml::value_t::boolean:
        node.type = ConfigNode::Type::Boolean;
        node.boolean = toml::get<bool>(value);
        break;
      case toml::value_t::integer:
        node.type = ConfigNode::Type::Integer;
        node.integer = toml::get<int64_t>(value);
        node.text = raw.empty() ? std::to_string(node.integer) : std::string(raw);
        break;
      case toml::value_t::floating:
        node.type = ConfigNode::Type::Float;
        node.number = toml::get<double>(value);
        node.text = raw.empty() ? std::to_string(node.number) : std::string(raw);
        break;
      case toml::value_t::string:
        node.type = ConfigNode::Type::String;
        node.text = toml::get<std::string>(value);
        break;
      case toml::value_t::array: {
        node.type = ConfigNode::Type::Array;
        const auto& elements = value.as_array();
        node.children.reserve(elements.size());
        for (size_t i = 0; i < elements.size(); ++i) {
          node.children.push_back(convert(elements[i], TomlScan::element(path, i), node.value));
        }
        break;
      }
      case toml::value_t::table:
        node.type = ConfigNode::Type::Table;
        node.children.reserve(value.as_table().size());
        for (const auto& [name, child] : value.as_table()) {
          node.children.push_back(convert(child, TomlScan::child(path, name), node.value));
          node.children.back().name = name;
        }
        std::sort(node.children.begin(), node.children.end(),
                  [](const ConfigNode& a, const ConfigNode& b) {
                    return std::tie(a.key.line, a.key.column, a.name) <
                           std::tie(b.key.line, b.key.column, b.name);
                  });
        break;
      default:
        node.type = ConfigNode::Type::DateTime;
        node.text = raw;
    }
    return node;
  }

 private:
  const TomlScan& scan_;
  uint32_t source_;
};

}  // namespace

std::optional<ConfigNode> read_toml(std::string_view text, const ConfigSources& sources,
                                    uint32_t source, ConfigErrors& errors) {
  const auto fail = [&](ConfigPlace place, std::string found, std::string allowed) {
    errors.add({position_of(sources, place), "", std::move(found), std::move(allowed)});
    return std::nullopt;
  };
  if (text.size() > kMaxText) {
    return fail({source, 0, 0}, std::to_string(text.size()) + " bytes",
                "at most " + std::to_string(kMaxText));
  }
  if (const size_t bad = bad_utf8(text); bad != std::string_view::npos) {
    return fail(place_of_offset(text, bad, source), "bytes that are no UTF-8",
                "TOML, which is written in UTF-8");
  }

  TomlScan scan(text);
  const TomlScan::Result result = scan.run();
  const ConfigPlace stopped{source, scan.line(), scan.column()};
  if (result == TomlScan::Result::TooDeep) {
    return fail(stopped, "nesting too deep",
                "at most " + std::to_string(TomlScan::kMaxNesting) + " levels");
  }
  // Behind the place that the scan does not understand nothing bounds the
  // nesting, and toml11 will stop there too: it has the better words for it.
  std::string_view part = text;
  if (result == TomlScan::Result::NotToml) {
    const size_t end = text.find('\n', scan.offset());
    part = part.substr(0, end == std::string_view::npos ? end : end + 1);
  }
  try {
    std::istringstream stream{std::string(part)};
    const toml::value value = toml::parse(stream, sources[source].name());
    if (result != TomlScan::Result::Complete) return fail(stopped, "a syntax error", "TOML syntax");
    return Converter(scan, source).convert(value, "", {source, 0, 0});
  } catch (const toml::syntax_error& e) {
    const TomlSyntaxError what = describe(e);
    ConfigPlace place{source, what.line, 0};
    place.column = characters(sources[source].line(what.line), what.column);
    std::string found = "a syntax error: " + std::string(strip_function_name(what.title));
    if (!what.detail.empty() && what.detail != "here")
      found += " (" + std::string(strip_function_name(what.detail)) + ")";
    return fail(place, std::move(found), "TOML syntax");
  } catch (const std::exception& e) {
    return fail(stopped, std::string("a syntax error: ") + e.what(), "TOML syntax");
  }
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Writes JSON as text, in the order of the calls, without a tree in between.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

// Appends to a string that the caller keeps. Names and values may hold any
// byte: what is no UTF-8 becomes U+FFFD. One thread.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  // The root, or an element of an array, where `name` is not given.
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& begin_object(std::string_view name) { return key(name).open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& begin_array(std::string_view name) { return key(name).open('['); }
  JsonWriter& end_array() { return close(']'); }

  JsonWriter& field(std::string_view name, std::string_view value) {
    return key(name).element(value);
  }
  JsonWriter& field(std::string_view name, const char* value) {
    return field(name, std::string_view(value));
  }
  JsonWriter& field(std::string_view name, uint64_t value) { return key(name).element(value); }
  JsonWriter& field(std::string_view name, bool value);
  JsonWriter& number(std::string_view name, double value, int decimals);

  JsonWriter& element(std::string_view value);
  JsonWriter& element(uint64_t value);

 private:
  JsonWriter& key(std::string_view name);
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void quote(std::string_view text);

  std::string& out_;
  bool first_ = true;
};

}  // namespace sluice

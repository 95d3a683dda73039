// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/probe.h"

#include <algorithm>

namespace sluice {

namespace {

bool is_plain(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=,+@%").find(c) != std::string_view::npos;
  });
}

std::string quoted_for_shell(const std::string& word) {
  if (is_plain(word)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

}  // namespace

const char* to_string(ProbeResult result) {
  switch (result) {
    case ProbeResult::Pass:
      return "pass";
    case ProbeResult::Warn:
      return "warn";
    case ProbeResult::Fail:
      break;
  }
  return "fail";
}

Action command(std::vector<std::string> argv) {
  return {.argv = std::move(argv), .value = {}, .file = {}};
}

Action write_to(std::string value, std::string file) {
  return {.argv = {}, .value = std::move(value), .file = std::move(file)};
}

std::string to_shell(const Action& action) {
  if (action.argv.empty()) {
    return "echo " + quoted_for_shell(action.value) + " > " + quoted_for_shell(action.file);
  }
  std::string out;
  for (const std::string& word : action.argv)
    out += (out.empty() ? "" : " ") + quoted_for_shell(word);
  return out;
}

std::string to_shell(const std::vector<Action>& actions) {
  std::string out;
  for (const Action& action : actions) out += (out.empty() ? "" : "; ") + to_shell(action);
  return out;
}

}  // namespace sluice

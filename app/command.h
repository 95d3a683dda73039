// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Commands of the console: syntax, help and effect in one place each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

enum class CommandStatus : uint8_t { Done = 0, Failed = 1, NotUnderstood = 2 };

struct CommandResult {
  CommandStatus status = CommandStatus::Done;
  std::string text;  // lines for a person, newline at the end

  static CommandResult done(std::string text = {}) {
    return {CommandStatus::Done, std::move(text)};
  }
  static CommandResult failed(std::string text) { return {CommandStatus::Failed, std::move(text)}; }
  static CommandResult not_understood(std::string text) {
    return {CommandStatus::NotUnderstood, std::move(text)};
  }
};

// An answer that takes time: asked for at every turn of the control loop until
// it is there.
using PendingResult = std::function<std::optional<CommandResult>()>;

// What a command gives back: the answer, or how to ask for it later.
struct CommandOutcome {
  std::optional<CommandResult> result;
  PendingResult pending;
  bool quit = false;  // ends the session

  CommandOutcome(CommandResult r) : result(std::move(r)) {}
  CommandOutcome(PendingResult p) : pending(std::move(p)) {}
};

// `syntax` is a row of words: `show`, `a|b` (one of them), `<port>` (any word,
// or one of `choices`), and last `[filters]` (the rest of the line, whose words
// complete to `choices`).
struct Command {
  std::string syntax;
  std::string help;
  // The words of the line, those of the rest one by one.
  std::function<CommandOutcome(const std::vector<std::string>& words)> run;
  std::vector<std::string> choices;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The console's grammar, on DPDK's cmdline library: commands become its
// instructions, so that completion and `?` work as in testpmd. Shared by all
// sessions. Control thread.
#pragma once

#include <cmdline_parse.h>

#include <memory>
#include <string>
#include <vector>

#include "app/command.h"

namespace sluice {

class Console {
 public:
  // `help` and `quit` are added. The commands' functions outlive nobody.
  explicit Console(std::vector<Command> commands);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // For cmdline_new().
  cmdline_parse_ctx_t* context() { return instructions_.data(); }

  // The outcome of the command that cmdline has just run; null if it ran none
  // (empty line, not understood).
  std::optional<CommandOutcome> take_outcome();

  // What `help` prints; `words`: only commands that begin so.
  CommandResult help(const std::vector<std::string>& words) const;

 private:
  struct Token;
  struct Instruction;
  static void dispatch(void* parsed, struct cmdline* cl, void* data);
  void add(const Command& command);
  void add_instruction(const Command& command, const std::vector<Token*>& tokens);

  std::vector<Command> commands_;
  std::vector<std::unique_ptr<Token>> tokens_;
  std::vector<std::unique_ptr<Instruction>> storage_;
  std::vector<cmdline_parse_inst_t*> instructions_;  // ends with a null
  std::optional<CommandOutcome> outcome_;
};

}  // namespace sluice

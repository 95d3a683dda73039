// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// [stage.identity] as workers use it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chain/stage.h"
#include "stages/identity/binding_table.h"

namespace sluice {

struct Binding {
  NameId identity = 0;
  GroupSetId groups = 0;
  int16_t chain = -1;  // position in Config::chains; -1: the ingress's
};

// What a binding was written as, for `show stage identity bindings`.
struct BindingText {
  std::vector<IpPrefix> prefixes;
  std::vector<uint16_t> vlans;  // 0: untagged
  std::vector<std::string> ports;
  std::string chain;
};

class IdentityPolicy : public StagePolicy {
 public:
  BindingTable table;
  std::vector<Binding> bindings;
  std::vector<BindingText> texts;  // by binding
  std::vector<uint8_t> port_chain;  // by port: the chain of what comes in there
  std::vector<int> peers;          // by port: its other end on a wire; -1: routed
  bool drop_unknown_source = false;
};

// Every error is reported; null if there was any. Compiler thread.
std::unique_ptr<const StagePolicy> compile_identity(ConfigSection section, CompileContext& context);

// `show stage identity bindings [ADDRESS]`. Control thread.
std::string show_bindings(const CommandContext& context);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// DPDK's environment (EAL), started once a process.
#pragma once

#include <string>
#include <vector>

namespace sluice {

// What `run` and `check` want of the EAL.
struct EalOptions {
  std::vector<std::string> arguments;  // as on DPDK's own command line, without the program's name
  std::string log_level = "error";     // of all of DPDK: emergency .. debug
};

// Starts the EAL with these arguments. A second call does nothing. Control
// thread. Throws std::runtime_error with a message for people.
void start_eal(const EalOptions& options);

// For `replay` and the tests: no huge pages, no devices, no root, no shared
// files; the calling thread becomes lcore 0 and keeps the CPUs that it may use.
// `memory_mb`: what mempools, rings and tables will take. A second call (or one
// behind start_eal) does nothing. Callers register the packet metadata
// (chain/packet_meta.h) themselves. Throws std::runtime_error.
void start_private_eal(unsigned memory_mb);

}  // namespace sluice

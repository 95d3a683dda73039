// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Asks a worker's packets for the signatures of a set.
#pragma once

#include <hs/hs_common.h>
#include <hs/hs_runtime.h>
#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "chain/directory.h"
#include "flowtable/flow.h"
#include "stages/dpi/signature_set.h"

namespace sluice {

struct SignatureMatch {
  uint32_t sid;
  uint32_t gid;  // always 1
  uint32_t rev;
  NameId msg;  // 0: the rule has none
  bool drop;
  uint32_t index;  // of the rule in the set, drop rules first
};

// One a lane part. Built on the compiler thread, used by one worker.
class SignatureScanner {
 public:
  // Throws std::runtime_error where Hyperscan has no memory or cannot run here.
  explicit SignatureScanner(std::shared_ptr<const SignatureSet> set);

  // ---- worker; no allocation ----

  // Whether a rule may fit the flow's own packets, in either direction. ICMP
  // errors that quote the flow are not the flow's own.
  bool wants(const Flow& flow) const noexcept;

  // Rules that fit the packet (parsed: metadata and header lengths are good),
  // at most `max`, ascending by index: drop rules first. Returns their number.
  unsigned scan(const rte_mbuf* m, SignatureMatch* out, unsigned max) noexcept;

 private:
  struct FreeScratch {
    void operator()(hs_scratch_t* scratch) const noexcept { hs_free_scratch(scratch); }
  };

  static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                      void* scanner) noexcept;
  bool found(uint32_t pattern) const noexcept {
    return (found_bits_[pattern / 64] >> (pattern % 64) & 1) != 0;
  }
  bool complete(const Signature& rule) const noexcept;
  void forget() noexcept;

  std::shared_ptr<const SignatureSet> set_;
  std::unique_ptr<hs_scratch_t, FreeScratch> scratch_;
  std::vector<uint64_t> found_bits_;  // by pattern; all zero between scans
  std::vector<uint32_t> found_;       // patterns whose bit is set; room for all of them
  uint32_t found_count_ = 0;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// nDPI behind one class: a detection module and what is asked of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

struct ndpi_flow_struct;
struct ndpi_proto;
struct ndpi_detection_module_struct;

namespace sluice {

struct ApplicationNames;
struct OwnApplications;

// nDPI's word on a flow, by its protocol numbers; applications of one's own have
// those of the directory. With one name known, master
// and app are equal; 0: unknown.
struct Classification {
  uint16_t master = 0;
  uint16_t app = 0;
  uint16_t category = 0;
  uint8_t confidence = 0;  // ndpi_confidence_t, or kConfidenceByOwnRule
  uint64_t risks = 0;

  bool known() const noexcept { return app != 0; }
  friend bool operator==(const Classification&, const Classification&) = default;
};

// One detection module, all protocols, with the settings of ndpiReader. One
// thread at a time; building and destroying takes some 10 ms and 6 MiB.
class NdpiEngine {
 public:
  // `names` has a number for each of `own`, and must be the same in all modules that
  // a flow may meet. Throws std::runtime_error.
  NdpiEngine();
  NdpiEngine(const OwnApplications& own, const ApplicationNames& names);
  ~NdpiEngine();
  NdpiEngine(const NdpiEngine&) = delete;
  NdpiEngine& operator=(const NdpiEngine&) = delete;

  // Bytes of a flow's state, which the caller keeps, zeroed at first.
  static size_t flow_size() noexcept;

  // Hands over one packet from its IP header on. Call it within an ArenaScope
  // whose arena has_reserve().
  Classification inspect(ndpi_flow_struct& flow, const uint8_t* ip, uint16_t length,
                         uint64_t time_ns) noexcept;
  // Whether more packets may refine what inspect() said.
  bool wants_more(ndpi_flow_struct& flow) noexcept;
  // No more packets will come: the last word, by port and address too if
  // `guess`. Sets `guessed` if it is a guess.
  Classification give_up(ndpi_flow_struct& flow, bool guess, bool& guessed) noexcept;
  // Gives back all that nDPI has allocated for the flow, not the state itself.
  // Once: the state is good for nothing afterwards.
  static void release(ndpi_flow_struct& flow) noexcept;

  static std::string_view host_name(const ndpi_flow_struct& flow) noexcept;

  // Names by number, without those of one's own. The same for every module.
  void name_applications(ApplicationNames& names) const;

  size_t memory_bytes() const noexcept { return memory_bytes_; }

 private:
  struct Deleter {
    void operator()(ndpi_detection_module_struct* module) const noexcept;
  };
  void define(const OwnApplications& own, const ApplicationNames& names);
  uint16_t number(uint16_t of_module) const noexcept;
  Classification classification(const ndpi_proto& protocol,
                                const ndpi_flow_struct& flow) const noexcept;

  std::unique_ptr<ndpi_detection_module_struct, Deleter> module_;
  unsigned built_in_ = 0;         // nDPI's own protocols are numbered from 0
  std::vector<uint16_t> own_{};   // directory's numbers of those behind them
  size_t memory_bytes_ = 0;
  uint64_t last_time_ms_ = 0;
};

}  // namespace sluice

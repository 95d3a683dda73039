// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/ndpi_engine.h"

#include <gcrypt.h>
#include <ndpi/ndpi_api.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>

#include "chain/directory.h"
#include "config/words.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/own_applications.h"

namespace sluice {

// As FlowContext keeps them.
static_assert(NDPI_PROTOCOL_NUM_CATEGORIES <= 256 && NDPI_CONFIDENCE_MAX <= kConfidenceByOwnRule);

namespace {

void* allocate(size_t size) {
  return arena_malloc(size);
}
void* reallocate(void* block, size_t size) {
  return arena_realloc(block, size);
}
void release_block(void* block) {
  arena_free(block);
}
int is_secure(const void*) {
  return 0;
}

// Before the first module: blocks from before would be taken for our own.
void install_allocators() {
  static std::once_flag once;
  std::call_once(once, [] {
    gcry_set_allocation_handler(allocate, allocate, is_secure, reallocate, release_block);
    set_ndpi_malloc(allocate);
    set_ndpi_free(release_block);
    set_ndpi_flow_malloc(allocate);
    set_ndpi_flow_free(release_block);
  });
}

// A file in memory, for a library that reads files only.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : fd_(memfd_create("applications", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      if (fd_ >= 0) close(fd_);
      throw std::runtime_error("no memory for the definitions of applications");
    }
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  const int fd_;
};

std::string_view bounded(const char* text, size_t limit) {
  return text == nullptr ? std::string_view() : std::string_view(text, strnlen(text, limit));
}

}  // namespace

void NdpiEngine::Deleter::operator()(ndpi_detection_module_struct* module) const noexcept {
  ndpi_exit_detection_module(module);
}

NdpiEngine::NdpiEngine() : NdpiEngine({}, {}) {}

NdpiEngine::NdpiEngine(const OwnApplications& own, const ApplicationNames& names) {
  install_allocators();
  const size_t before = arena_heap_bytes();
  module_.reset(ndpi_init_detection_module(ndpi_no_prefs));
  if (!module_) throw std::runtime_error("nDPI cannot build its detection module");
  NDPI_PROTOCOL_BITMASK all;
  NDPI_BITMASK_SET_ALL(all);
  ndpi_set_protocol_detection_bitmask2(module_.get(), &all);
  built_in_ = ndpi_get_num_supported_protocols(module_.get());
  if (!own.empty()) define(own, names);
  ndpi_finalize_initialization(module_.get());
  memory_bytes_ = arena_heap_bytes() - before;
}

NdpiEngine::~NdpiEngine() = default;

void NdpiEngine::define(const OwnApplications& own, const ApplicationNames& names) {
  const MemoryFile file(own.definitions);
  if (ndpi_load_protocols_file(module_.get(), file.path().c_str()) != 0) {
    throw std::runtime_error("nDPI cannot read the definitions of applications");
  }
  const unsigned all = ndpi_get_num_supported_protocols(module_.get());
  for (unsigned i = built_in_; i < all; ++i) {
    const char* name = ndpi_get_proto_name(module_.get(), static_cast<uint16_t>(i));
    own_.push_back(find_word(names.applications, name).value_or(NDPI_PROTOCOL_UNKNOWN));
  }
  for (const std::string& name : own.names) {
    std::string writable = name;
    if (ndpi_get_protocol_id(module_.get(), writable.data()) < 0) {
      throw std::runtime_error("application " + name + ": nDPI takes no more than " +
                               std::to_string(all - built_in_));
    }
  }
}

uint16_t NdpiEngine::number(uint16_t of_module) const noexcept {
  if (of_module < built_in_) [[likely]] return of_module;
  const size_t i = of_module - built_in_;
  return i < own_.size() ? own_[i] : uint16_t{NDPI_PROTOCOL_UNKNOWN};
}

Classification NdpiEngine::classification(const ndpi_proto& protocol,
                                          const ndpi_flow_struct& flow) const noexcept {
  Classification c;
  const uint16_t master = protocol.master_protocol, app = protocol.app_protocol;
  c.app = number(app != NDPI_PROTOCOL_UNKNOWN ? app : master);
  c.master = master != NDPI_PROTOCOL_UNKNOWN ? number(master) : c.app;
  c.category = static_cast<uint16_t>(protocol.category);
  c.confidence = static_cast<uint8_t>(flow.confidence);
  // An address that the operator has named is no guess; nDPI gives it no word.
  if (c.app >= built_in_ && flow.confidence == NDPI_CONFIDENCE_UNKNOWN) {
    c.confidence = kConfidenceByOwnRule;
  }
  c.risks = flow.risk;
  return c;
}

size_t NdpiEngine::flow_size() noexcept {
  return sizeof(ndpi_flow_struct);
}

Classification NdpiEngine::inspect(ndpi_flow_struct& flow, const uint8_t* ip, uint16_t length,
                                   uint64_t time_ns) noexcept {
  // nDPI subtracts times as unsigned numbers; captures have clocks that go back.
  last_time_ms_ = std::max(last_time_ms_, time_ns / 1000000);
  return classification(
      ndpi_detection_process_packet(module_.get(), &flow, ip, length, last_time_ms_), flow);
}

bool NdpiEngine::wants_more(ndpi_flow_struct& flow) noexcept {
  return ndpi_extra_dissection_possible(module_.get(), &flow) != 0;
}

Classification NdpiEngine::give_up(ndpi_flow_struct& flow, bool guess, bool& guessed) noexcept {
  uint8_t was_guessed = 0;
  const ndpi_protocol protocol =
      ndpi_detection_giveup(module_.get(), &flow, guess ? 1 : 0, &was_guessed);
  guessed = was_guessed != 0;
  return classification(protocol, flow);
}

void NdpiEngine::release(ndpi_flow_struct& flow) noexcept {
  ndpi_free_flow_data(&flow);
}

std::string_view NdpiEngine::host_name(const ndpi_flow_struct& flow) noexcept {
  return bounded(flow.host_server_name, sizeof flow.host_server_name);
}

void NdpiEngine::name_applications(ApplicationNames& names) const {
  names.applications.clear();
  names.categories.clear();
  for (unsigned i = 0; i < built_in_; ++i) {
    names.applications.emplace_back(ndpi_get_proto_name(module_.get(), static_cast<uint16_t>(i)));
  }
  for (unsigned i = 0; i < NDPI_PROTOCOL_NUM_CATEGORIES; ++i) {
    names.categories.emplace_back(
        ndpi_category_get_name(module_.get(), static_cast<ndpi_protocol_category_t>(i)));
  }
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/ndpi_engine.h"

#include <gcrypt.h>
#include <ndpi/ndpi_api.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "chain/directory.h"
#include "stages/dpi/arena.h"

namespace sluice {

// As FlowContext keeps them.
static_assert(NDPI_PROTOCOL_NUM_CATEGORIES <= 256 && NDPI_CONFIDENCE_MAX <= 16);

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

Classification classification(const ndpi_protocol& protocol, const ndpi_flow_struct& flow) {
  Classification c;
  c.app = protocol.app_protocol != NDPI_PROTOCOL_UNKNOWN ? protocol.app_protocol
                                                         : protocol.master_protocol;
  c.master = protocol.master_protocol != NDPI_PROTOCOL_UNKNOWN ? protocol.master_protocol : c.app;
  c.category = static_cast<uint16_t>(protocol.category);
  c.confidence = static_cast<uint8_t>(flow.confidence);
  c.risks = flow.risk;
  return c;
}

std::string_view bounded(const char* text, size_t limit) {
  return text == nullptr ? std::string_view() : std::string_view(text, strnlen(text, limit));
}

bool is_one_of(const Classification& c, std::initializer_list<uint16_t> numbers) {
  return std::any_of(numbers.begin(), numbers.end(),
                     [&](uint16_t n) { return c.master == n || c.app == n; });
}

}  // namespace

bool Classification::is_seen() const noexcept {
  return confidence == NDPI_CONFIDENCE_DPI;
}

void NdpiEngine::Deleter::operator()(ndpi_detection_module_struct* module) const noexcept {
  ndpi_exit_detection_module(module);
}

NdpiEngine::NdpiEngine() {
  install_allocators();
  const size_t before = arena_heap_bytes();
  module_.reset(ndpi_init_detection_module(ndpi_no_prefs));
  if (!module_) throw std::runtime_error("nDPI cannot build its detection module");
  NDPI_PROTOCOL_BITMASK all;
  NDPI_BITMASK_SET_ALL(all);
  ndpi_set_protocol_detection_bitmask2(module_.get(), &all);
  ndpi_finalize_initialization(module_.get());
  memory_bytes_ = arena_heap_bytes() - before;
}

NdpiEngine::~NdpiEngine() = default;

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

NdpiHello NdpiEngine::hello(const ndpi_flow_struct& flow) noexcept {
  const auto& tls = flow.protos.tls_quic;
  NdpiHello hello;
  hello.server_name = host_name(flow);
  hello.alpn = bounded(tls.alpn, 255);
  hello.ja3 = bounded(tls.ja3_client, sizeof tls.ja3_client);
  hello.tls_version = tls.ssl_version;
  return hello;
}

void NdpiEngine::name_applications(ApplicationNames& names) const {
  names.applications.clear();
  names.categories.clear();
  const unsigned applications = ndpi_get_num_supported_protocols(module_.get());
  for (unsigned i = 0; i < applications; ++i) {
    names.applications.emplace_back(ndpi_get_proto_name(module_.get(), static_cast<uint16_t>(i)));
  }
  for (unsigned i = 0; i < NDPI_PROTOCOL_NUM_CATEGORIES; ++i) {
    names.categories.emplace_back(
        ndpi_category_get_name(module_.get(), static_cast<ndpi_protocol_category_t>(i)));
  }
}

bool is_tls(const Classification& c) noexcept {
  return is_one_of(c, {NDPI_PROTOCOL_TLS, NDPI_PROTOCOL_DTLS, NDPI_PROTOCOL_MAIL_IMAPS,
                       NDPI_PROTOCOL_MAIL_POPS, NDPI_PROTOCOL_MAIL_SMTPS});
}

bool is_quic(const Classification& c) noexcept {
  return is_one_of(c, {NDPI_PROTOCOL_QUIC});
}

bool is_dns(const Classification& c) noexcept {
  return is_one_of(c, {NDPI_PROTOCOL_DNS});
}

}  // namespace sluice

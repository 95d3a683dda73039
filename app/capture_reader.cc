// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/capture_reader.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "app/capture_link.h"

namespace sluice {

namespace {

// A hostile file may say any second and any fraction of it. Up to the year
// 2500 the sum fits in 64 bits.
uint64_t time_of(const pcap_pkthdr& header) {
  constexpr int64_t kLastSecond = 16'725'225'600;
  const auto seconds = std::clamp<int64_t>(header.ts.tv_sec, 0, kLastSecond);
  const auto fraction = std::clamp<int64_t>(header.ts.tv_usec, 0, 999'999'999);
  return static_cast<uint64_t>(seconds) * 1'000'000'000 + static_cast<uint64_t>(fraction);
}

}  // namespace

void CaptureReader::Close::operator()(pcap* handle) const noexcept {
  pcap_close(handle);
}

CaptureReader::CaptureReader(const std::string& path) : path_(path) {
  char error[PCAP_ERRBUF_SIZE] = "";
  handle_.reset(
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error));
  if (!handle_) {
    const std::string message = error;
    throw std::runtime_error(message.starts_with(path) ? message : path + ": " + message);
  }
  link_type_ = pcap_datalink(handle_.get());
  if (!link_type_supported(link_type_)) {
    throw std::runtime_error(path + ": found link type " + link_type_name(link_type_) +
                             ", allowed one of: " + supported_link_types());
  }
  std::error_code unknown;
  const uintmax_t size = std::filesystem::file_size(path, unknown);
  if (!unknown) size_bytes_ = size;
}

CaptureReader::~CaptureReader() = default;

bool CaptureReader::next(CapturedFrame& frame) {
  if (ended_) return false;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  const int result = pcap_next_ex(handle_.get(), &header, &data);
  if (result != 1) {
    ended_ = true;
    if (result != PCAP_ERROR_BREAK) damage_ = pcap_geterr(handle_.get());
    return false;
  }
  ++frames_;
  frame.bytes = to_ethernet(link_type_, {data, header->caplen}, scratch_);
  if (frame.bytes.size() > kMaxFrame) {
    frame.bytes = frame.bytes.first(kMaxFrame);
    ++cut_frames_;
  }
  frame.time_ns = time_of(*header);
  return true;
}

uint64_t CaptureReader::position_bytes() const noexcept {
  FILE* file = pcap_file(handle_.get());
  const off_t at = file == nullptr ? -1 : ftello(file);
  return at < 0 ? 0 : static_cast<uint64_t>(at);
}

}  // namespace sluice

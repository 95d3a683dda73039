// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/capture_writer.h"

#include <pcap/pcap.h>

#include <cstdio>
#include <stdexcept>

#include "app/capture_reader.h"

namespace sluice {

void CaptureWriter::Close::operator()(pcap* handle) const noexcept {
  pcap_close(handle);
}
void CaptureWriter::Close::operator()(pcap_dumper* dumper) const noexcept {
  pcap_dump_close(dumper);
}

CaptureWriter::CaptureWriter(const std::string& path)
    : handle_(pcap_open_dead_with_tstamp_precision(DLT_EN10MB, CaptureReader::kMaxFrame,
                                                   PCAP_TSTAMP_PRECISION_NANO)) {
  if (!handle_) throw std::runtime_error(path + ": no memory for a capture");
  dumper_.reset(pcap_dump_open(handle_.get(), path.c_str()));
  if (!dumper_) throw std::runtime_error(pcap_geterr(handle_.get()));
}

CaptureWriter::~CaptureWriter() = default;

void CaptureWriter::write(std::span<const uint8_t> frame, uint64_t time_ns) noexcept {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(time_ns / 1'000'000'000);
  header.ts.tv_usec = static_cast<suseconds_t>(time_ns % 1'000'000'000);
  header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
  const std::lock_guard lock(mutex_);
  if (dumper_) pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header, frame.data());
}

bool CaptureWriter::close() noexcept {
  const std::lock_guard lock(mutex_);
  if (!dumper_) return true;
  const bool flushed = pcap_dump_flush(dumper_.get()) == 0;
  const bool whole = flushed && std::ferror(pcap_dump_file(dumper_.get())) == 0;
  dumper_.reset();
  return whole;
}

}  // namespace sluice

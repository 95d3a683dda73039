// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Writes Ethernet frames to a pcap file with nanoseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

struct pcap;
struct pcap_dumper;

namespace sluice {

// Several threads may write; frames stand in the order of the calls.
class CaptureWriter {
 public:
  // Replaces the file. Throws std::runtime_error.
  explicit CaptureWriter(const std::string& path);
  ~CaptureWriter();
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;

  void write(std::span<const uint8_t> frame, uint64_t time_ns) noexcept;

  // Flushes. False if any of it has not reached the file.
  bool close() noexcept;

 private:
  struct Close {
    void operator()(pcap* handle) const noexcept;
    void operator()(pcap_dumper* dumper) const noexcept;
  };

  std::mutex mutex_;
  std::unique_ptr<pcap, Close> handle_;
  std::unique_ptr<pcap_dumper, Close> dumper_;
};

}  // namespace sluice

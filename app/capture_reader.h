// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Reads pcap and pcapng files as Ethernet frames with nanoseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct pcap;

namespace sluice {

struct CapturedFrame {
  std::span<const uint8_t> bytes;  // good until the next call of next()
  uint64_t time_ns = 0;            // Unix epoch, as the file says it: may go backwards
};

// One file, front to back; one thread.
class CaptureReader {
 public:
  // The longest frame that one segment of an mbuf holds.
  static constexpr size_t kMaxFrame = 65535;

  // Throws std::runtime_error: no such file, no capture, a link type that has
  // no Ethernet form.
  explicit CaptureReader(const std::string& path);
  ~CaptureReader();
  CaptureReader(const CaptureReader&) = delete;
  CaptureReader& operator=(const CaptureReader&) = delete;

  // False at the end of the file, and where it is cut or damaged: see damage().
  bool next(CapturedFrame& frame);

  const std::string& damage() const noexcept { return damage_; }  // "" : the file is whole
  const std::string& path() const noexcept { return path_; }
  int link_type() const noexcept { return link_type_; }
  uint64_t frames() const noexcept { return frames_; }
  // Frames longer than kMaxFrame, of which the front was taken.
  uint64_t cut_frames() const noexcept { return cut_frames_; }
  uint64_t size_bytes() const noexcept { return size_bytes_; }  // of the file; 0: unknown
  uint64_t position_bytes() const noexcept;                     // read so far, about

 private:
  struct Close {
    void operator()(pcap* handle) const noexcept;
  };

  std::string path_;
  std::unique_ptr<pcap, Close> handle_;
  int link_type_ = 0;
  std::vector<uint8_t> scratch_;
  std::string damage_;
  uint64_t frames_ = 0;
  uint64_t cut_frames_ = 0;
  uint64_t size_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Capture files made byte by byte, so that tests don't read what the code under
// test has written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::test {

using Bytes = std::vector<uint8_t>;

// A file in the test's own temporary directory; gone at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(const Bytes& content = {});
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  Bytes read() const;
  std::string read_text() const;

 private:
  std::string path_;
};

// Classic pcap, little-endian.
class PcapBytes {
 public:
  explicit PcapBytes(uint32_t link_type, bool nanoseconds = false);
  PcapBytes& frame(uint32_t seconds, uint32_t fraction, const Bytes& data);
  // With lengths that need not agree with the data.
  PcapBytes& frame(uint32_t seconds, uint32_t fraction, uint32_t caplen, uint32_t len,
                   const Bytes& data);
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// pcapng with one interface whose clock counts nanoseconds.
class PcapngBytes {
 public:
  explicit PcapngBytes(uint16_t link_type);
  PcapngBytes& frame(uint64_t time_ns, const Bytes& data);
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace sluice::test

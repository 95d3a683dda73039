// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/unit/app/capture_file.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace sluice::test {

namespace {

void put16(Bytes& out, uint16_t value) {
  out.push_back(static_cast<uint8_t>(value));
  out.push_back(static_cast<uint8_t>(value >> 8));
}

void put32(Bytes& out, uint32_t value) {
  put16(out, static_cast<uint16_t>(value));
  put16(out, static_cast<uint16_t>(value >> 16));
}

}  // namespace

TemporaryFile::TemporaryFile(const Bytes& content) {
  path_ = "/tmp/sluice-test-XXXXXX";
  const int fd = mkstemp(path_.data());
  if (fd < 0) std::abort();
  close(fd);
  std::ofstream file(path_, std::ios::binary);
  file.write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
}

TemporaryFile::~TemporaryFile() {
  std::remove(path_.c_str());
}

std::string TemporaryFile::read_text() const {
  std::ifstream file(path_, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Bytes TemporaryFile::read() const {
  const std::string text = read_text();
  return {text.begin(), text.end()};
}

PcapBytes::PcapBytes(uint32_t link_type, bool nanoseconds) {
  put32(bytes_, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
  put16(bytes_, 2);
  put16(bytes_, 4);
  put32(bytes_, 0);
  put32(bytes_, 0);
  put32(bytes_, 262144);
  put32(bytes_, link_type);
}

PcapBytes& PcapBytes::frame(uint32_t seconds, uint32_t fraction, const Bytes& data) {
  const auto size = static_cast<uint32_t>(data.size());
  return frame(seconds, fraction, size, size, data);
}

PcapBytes& PcapBytes::frame(uint32_t seconds, uint32_t fraction, uint32_t caplen, uint32_t len,
                            const Bytes& data) {
  put32(bytes_, seconds);
  put32(bytes_, fraction);
  put32(bytes_, caplen);
  put32(bytes_, len);
  bytes_.insert(bytes_.end(), data.begin(), data.end());
  return *this;
}

PcapngBytes::PcapngBytes(uint16_t link_type) {
  put32(bytes_, 0x0a0d0d0a);  // section header
  put32(bytes_, 28);
  put32(bytes_, 0x1a2b3c4d);
  put16(bytes_, 1);
  put16(bytes_, 0);
  put32(bytes_, 0xffffffff);
  put32(bytes_, 0xffffffff);
  put32(bytes_, 28);
  put32(bytes_, 1);  // interface description
  put32(bytes_, 32);
  put16(bytes_, link_type);
  put16(bytes_, 0);
  put32(bytes_, 262144);
  put16(bytes_, 9);  // if_tsresol: 10^-9 s
  put16(bytes_, 1);
  put32(bytes_, 9);
  put32(bytes_, 0);  // end of options
  put32(bytes_, 32);
}

PcapngBytes& PcapngBytes::frame(uint64_t time_ns, const Bytes& data) {
  const size_t padded = (data.size() + 3) / 4 * 4;
  const auto total = static_cast<uint32_t>(32 + padded);
  put32(bytes_, 6);  // enhanced packet
  put32(bytes_, total);
  put32(bytes_, 0);
  put32(bytes_, static_cast<uint32_t>(time_ns >> 32));
  put32(bytes_, static_cast<uint32_t>(time_ns));
  put32(bytes_, static_cast<uint32_t>(data.size()));
  put32(bytes_, static_cast<uint32_t>(data.size()));
  bytes_.insert(bytes_.end(), data.begin(), data.end());
  bytes_.resize(bytes_.size() + padded - data.size());
  put32(bytes_, total);
  return *this;
}

}  // namespace sluice::test

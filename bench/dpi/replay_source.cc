// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/dpi/replay_source.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <tuple>

namespace sluice::bench {

namespace {

constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kEthernet = 1;
constexpr size_t kFileHeader = 24, kRecordHeader = 16, kEthernetHeader = 14;
constexpr uint8_t kTcp = 6, kUdp = 17;

uint16_t get16(const uint8_t* p) noexcept {
  return static_cast<uint16_t>(p[0] << 8 | p[1]);
}

uint32_t get32(const uint8_t* p) noexcept {
  return static_cast<uint32_t>(get16(p)) << 16 | get16(p + 2);
}

void put16(uint8_t* p, uint16_t value) noexcept {
  p[0] = static_cast<uint8_t>(value >> 8);
  p[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t* p, uint32_t value) noexcept {
  put16(p, static_cast<uint16_t>(value >> 16));
  put16(p + 2, static_cast<uint16_t>(value));
}

uint32_t native32(const uint8_t* p) noexcept {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

// RFC 1624: the checksum after four summed bytes have changed.
uint16_t moved(uint16_t checksum, uint32_t from, uint32_t to) noexcept {
  uint32_t sum = static_cast<uint16_t>(~checksum);
  sum += static_cast<uint16_t>(~from) + static_cast<uint16_t>(~(from >> 16));
  sum += static_cast<uint16_t>(to) + static_cast<uint16_t>(to >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// Protocol, the lower end (address, port), the higher end.
using End = std::pair<std::string, uint16_t>;
using Tuple = std::tuple<uint8_t, End, End>;

}  // namespace

ReplaySource::ReplaySource(const std::string& file, unsigned copies) : copies_(copies) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<uint8_t> all((std::istreambuf_iterator<char>(in)),
                                 std::istreambuf_iterator<char>());
  if (!in || all.size() < kFileHeader) fail(file + ": no capture");
  if (native32(all.data()) != kMicroseconds || native32(all.data() + 20) != kEthernet) {
    fail(file + ": no pcap of Ethernet in this machine's byte order");
  }
  if (copies == 0) fail("no copies of the capture");
  bytes_.reserve(all.size());
  std::map<Tuple, End> clients;
  for (size_t at = kFileHeader; at < all.size();) {
    const std::string where = file + ", frame " + std::to_string(frames_.size() + 1) + ": ";
    if (all.size() - at < kRecordHeader) fail(where + "cut off");
    const uint32_t length = native32(all.data() + at + 8);
    at += kRecordHeader;
    if (length > kLongestFrame || all.size() - at < length) fail(where + "too long or cut off");
    const uint8_t* frame = all.data() + at;
    at += length;

    ReplayFrame f{};
    f.at = static_cast<uint32_t>(bytes_.size());
    f.length = static_cast<uint16_t>(length);
    if (length < kEthernetHeader + 20) fail(where + "too short");
    const uint8_t* ip = frame + kEthernetHeader;
    size_t header, address_length, source;
    uint8_t protocol;
    if (get16(frame + 12) == 0x0800 && ip[0] >> 4 == 4) {
      header = (ip[0] & 15) * size_t{4};
      protocol = ip[9];
      source = 12;
      address_length = 4;
      f.ip_checksum = kEthernetHeader + 10;
      if (header < 20 || (get16(ip + 6) & 0x3fff) != 0) fail(where + "a fragment, or no header");
    } else if (get16(frame + 12) == 0x86dd && ip[0] >> 4 == 6) {
      header = 40;
      protocol = ip[6];
      source = 8;
      address_length = 16;
      f.v6 = true;
    } else {
      fail(where + "neither IPv4 nor IPv6");
    }
    f.udp = protocol == kUdp;
    if (!f.udp && protocol != kTcp) fail(where + "neither TCP nor UDP");
    if (length < kEthernetHeader + header + (f.udp ? 8u : 20u)) fail(where + "too short");
    const uint8_t* l4 = ip + header;
    f.l4_checksum = static_cast<uint16_t>(kEthernetHeader + header + (f.udp ? 6 : 16));
    if (f.udp && get16(l4 + 6) == 0) f.l4_checksum = 0;

    const auto end = [&](size_t address, size_t port) {
      return End(std::string(reinterpret_cast<const char*>(ip + address), address_length),
                 get16(l4 + port));
    };
    const End from = end(source, 0), to = end(source + address_length, 2);
    const auto [client, fresh] =
        clients.try_emplace(Tuple(protocol, std::min(from, to), std::max(from, to)), from);
    f.opens = fresh;
    flows_ += fresh;
    f.address = static_cast<uint16_t>(kEthernetHeader + source + (f.v6 ? 4 : 0) +
                                      (client->second == from ? 0 : address_length));
    bytes_.insert(bytes_.end(), frame, frame + length);
    frames_.push_back(f);
  }
  if (frames_.empty()) fail(file + ": no frames");
}

void ReplaySource::turn() noexcept {
  left_ = kTurn;
  if (active_ < copies_.size() && first_sent_ >= active_ * frames_.size() / copies_.size()) {
    copies_[active_++].lap = laps_++;
  }
  if (++current_ >= active_) current_ = 0;
}

const ReplayFrame& ReplaySource::next(uint32_t& lap) noexcept {
  if (left_ == 0) turn();
  --left_;
  Copy& copy = copies_[current_];
  if (current_ == 0) ++first_sent_;
  lap = copy.lap;
  const ReplayFrame& frame = frames_[copy.next];
  if (++copy.next == frames_.size()) {
    copy.next = 0;
    copy.lap = laps_++;
  }
  return frame;
}

void ReplaySource::write(uint8_t* to, const ReplayFrame& frame, uint32_t lap) const noexcept {
  std::memcpy(to, bytes_.data() + frame.at, frame.length);
  const uint32_t old = get32(to + frame.address);
  uint32_t now = old + lap * kStride;
  // The first byte of IPv4 stays: which network it is matters to rules and to nDPI.
  if (!frame.v6) now = (old & 0xff000000) | (now & 0x00ffffff);
  put32(to + frame.address, now);
  if (frame.ip_checksum != 0) {
    put16(to + frame.ip_checksum, moved(get16(to + frame.ip_checksum), old, now));
  }
  if (frame.l4_checksum != 0) {
    const uint16_t sum = moved(get16(to + frame.l4_checksum), old, now);
    put16(to + frame.l4_checksum, frame.udp && sum == 0 ? 0xffff : sum);
  }
}

}  // namespace sluice::bench

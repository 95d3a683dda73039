// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/capture_link.h"

#include <pcap/dlt.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>

namespace sluice {

namespace {

using Frame = std::span<const uint8_t>;
using Mac = std::array<uint8_t, 6>;

constexpr Mac kDestination = {0x02, 0, 0, 0, 0, 0x02};
constexpr Mac kSource = {0x02, 0, 0, 0, 0, 0x01};

constexpr uint16_t kIpv4 = 0x0800;
constexpr uint16_t kIpv6 = 0x86dd;
constexpr uint16_t kMpls = 0x8847;
constexpr uint16_t kPppoeSession = 0x8864;
constexpr uint16_t kPpp = 0x880b;  // IANA: PPP, for control protocols that have no EtherType

// What a link header says. `length` beyond the frame: the header is cut.
struct LinkHeader {
  size_t length = 0;
  uint16_t ethertype = 0;
  Mac source = kSource;
};

constexpr LinkHeader kCut = {SIZE_MAX, 0, kSource};

uint16_t be16(Frame frame, size_t at) {
  return static_cast<uint16_t>(frame[at] << 8 | frame[at + 1]);
}

uint16_t le16(Frame frame, size_t at) {
  return static_cast<uint16_t>(frame[at + 1] << 8 | frame[at]);
}

// By the version nibble; anything else is left to the parser's own judgement.
LinkHeader raw_ip(Frame frame) {
  if (frame.empty()) return kCut;
  return {0, frame[0] >> 4 == 6 ? kIpv6 : kIpv4, kSource};
}

// BSD loopback: the address family in the byte order of the capturing host
// (NULL) or the network's (LOOP). Families fit in one byte, so both orders read.
LinkHeader loopback(Frame frame) {
  if (frame.size() < 4) return kCut;
  const unsigned family = frame[0] != 0 ? frame[0] : frame[3];
  switch (family) {
    case 2:
      return {4, kIpv4, kSource};
    case 10:  // Linux
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // Darwin
      return {4, kIpv6, kSource};
    default: {
      LinkHeader header = raw_ip(frame.subspan(4));
      if (header.length == 0) header.length = 4;
      return header;
    }
  }
}

LinkHeader linux_cooked(Frame frame) {
  if (frame.size() < 16) return kCut;
  LinkHeader header{16, be16(frame, 14), kSource};
  if (be16(frame, 4) == 6) std::copy_n(&frame[6], 6, header.source.begin());
  return header;
}

LinkHeader linux_cooked_2(Frame frame) {
  if (frame.size() < 20) return kCut;
  LinkHeader header{20, be16(frame, 0), kSource};
  if (frame[11] == 6) std::copy_n(&frame[12], 6, header.source.begin());
  return header;
}

// RFC 1661 and RFC 1662: address and control may be left out, and the protocol
// shortened to its low byte.
LinkHeader ppp(Frame frame) {
  size_t at = frame.size() >= 2 && frame[0] == 0xff && frame[1] == 0x03 ? 2 : 0;
  if (frame.size() <= at) return kCut;
  const size_t protocol_at = at;
  uint16_t protocol = frame[at];
  if (protocol & 1) {
    at += 1;
  } else {
    if (frame.size() < at + 2) return kCut;
    protocol = be16(frame, at);
    at += 2;
  }
  switch (protocol) {
    case 0x0021:
      return {at, kIpv4, kSource};
    case 0x0057:
      return {at, kIpv6, kSource};
    case 0x0281:
      return {at, kMpls, kSource};
    default:
      return {protocol_at, kPpp, kSource};
  }
}

LinkHeader cisco_hdlc(Frame frame) {
  if (frame.size() < 4) return kCut;
  return {4, be16(frame, 2), kSource};
}

LinkHeader ppp_serial(Frame frame) {
  const bool cisco = frame.size() >= 2 && (frame[0] == 0x0f || frame[0] == 0x8f);
  return cisco ? cisco_hdlc(frame) : ppp(frame);
}

LinkHeader read_link_header(int link_type, Frame frame) {
  switch (link_type) {
    case DLT_RAW:
      return raw_ip(frame);
    case DLT_IPV4:
      return {0, kIpv4, kSource};
    case DLT_IPV6:
      return {0, kIpv6, kSource};
    case DLT_NULL:
    case DLT_LOOP:
      return loopback(frame);
    case DLT_LINUX_SLL:
      return linux_cooked(frame);
    case DLT_LINUX_SLL2:
      return linux_cooked_2(frame);
    case DLT_PPP:
      return ppp(frame);
    case DLT_PPP_SERIAL:
      return ppp_serial(frame);
    case DLT_PPP_ETHER:
      return {0, kPppoeSession, kSource};
    case DLT_C_HDLC:
      return cisco_hdlc(frame);
    default:
      return kCut;
  }
}

constexpr int kSupported[] = {
    DLT_EN10MB,     DLT_RAW, DLT_IPV4,       DLT_IPV6,      DLT_NULL,   DLT_LOOP, DLT_LINUX_SLL,
    DLT_LINUX_SLL2, DLT_PPP, DLT_PPP_SERIAL, DLT_PPP_ETHER, DLT_C_HDLC, DLT_PPI};

Frame cut_frame(std::vector<uint8_t>& scratch) {
  scratch.assign(kDestination.begin(), kDestination.end());
  scratch.insert(scratch.end(), kSource.begin(), kSource.end());
  return scratch;
}

}  // namespace

bool link_type_supported(int link_type) noexcept {
  for (const int supported : kSupported) {
    if (supported == link_type) return true;
  }
  return false;
}

std::string link_type_name(int link_type) {
  const char* name = pcap_datalink_val_to_name(link_type);
  return name != nullptr ? name : "type " + std::to_string(link_type);
}

std::string supported_link_types() {
  std::string names;
  for (const int link_type : kSupported) {
    if (!names.empty()) names += ", ";
    names += link_type_name(link_type);
  }
  return names;
}

std::span<const uint8_t> to_ethernet(int link_type, Frame frame, std::vector<uint8_t>& scratch) {
  if (link_type == DLT_PPI) {
    // Per-Packet Information names the link type of what it wraps; little-endian.
    if (frame.size() < 8) return cut_frame(scratch);
    const size_t length = le16(frame, 2);
    const uint32_t inner = le16(frame, 4) | static_cast<uint32_t>(le16(frame, 6)) << 16;
    if (length < 8 || length > frame.size()) return cut_frame(scratch);
    if (inner == DLT_PPI || !link_type_supported(static_cast<int>(inner))) {
      return cut_frame(scratch);
    }
    link_type = static_cast<int>(inner);
    frame = frame.subspan(length);
  }
  if (link_type == DLT_EN10MB) return frame;

  const LinkHeader header = read_link_header(link_type, frame);
  if (header.length > frame.size()) return cut_frame(scratch);
  const Frame payload = frame.subspan(header.length);
  uint16_t type = header.ethertype;
  // Cooked captures write small numbers for what IEEE 802.3 has a length for.
  if (type < 0x0600) type = static_cast<uint16_t>(std::min<size_t>(payload.size(), 1500));
  scratch.assign(kDestination.begin(), kDestination.end());
  scratch.insert(scratch.end(), header.source.begin(), header.source.end());
  scratch.push_back(static_cast<uint8_t>(type >> 8));
  scratch.push_back(static_cast<uint8_t>(type & 0xff));
  scratch.insert(scratch.end(), payload.begin(), payload.end());
  return scratch;
}

}  // namespace sluice

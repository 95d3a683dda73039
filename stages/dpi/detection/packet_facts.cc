// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/packet_facts.h"

#include <netinet/in.h>

#include <algorithm>
#include <string_view>

namespace sluice::rules {

namespace {

constexpr size_t kIpv4Header = 20;
constexpr size_t kTcpHeader = 20;
constexpr size_t kIcmpHeader = 4;
constexpr size_t kIcmpEchoHeader = 8;
constexpr uint8_t kEndOfOptions = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kTcpMss = 2;

uint16_t u16(std::span<const uint8_t> bytes, size_t at) noexcept {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
uint32_t u32(std::span<const uint8_t> bytes, size_t at) noexcept {
  return static_cast<uint32_t>(u16(bytes, at)) << 16 | u16(bytes, at + 2);
}

// RFC 791 section 3.1 and RFC 9293 section 3.2: kind, length, value; two kinds
// have no length. True as soon as `visit(kind, value)` says so.
template <typename Visit>
bool any_option(std::span<const uint8_t> options, Visit visit) noexcept {
  while (!options.empty() && options[0] != kEndOfOptions) {
    if (options[0] == kNoOperation) {
      if (visit(options[0], options.first(0))) return true;
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return false;
    if (visit(options[0], options.subspan(2, options[1] - 2u))) return true;
    options = options.subspan(options[1]);
  }
  return false;
}

// Names of `ipopts`: IANA's option numbers; 0: end of options.
int ip_option(std::string_view name) noexcept {
  static constexpr struct {
    std::string_view name;
    int kind;
  } kOptions[] = {{"rr", 7},    {"eol", 0},   {"nop", 1},   {"ts", 68},   {"sec", 130},
                  {"esec", 133}, {"lsrr", 131}, {"ssrr", 137}, {"satid", 136}};
  for (const auto& option : kOptions) {
    if (option.name == name) return option.kind;
  }
  return -1;
}

bool has_ip_option(std::string_view name, std::span<const uint8_t> options) noexcept {
  if (name == "any") return !options.empty();
  const int kind = ip_option(name);
  if (kind == kEndOfOptions) {
    return std::find(options.begin(), options.end(), kEndOfOptions) != options.end();
  }
  return any_option(options, [kind](uint8_t k, std::span<const uint8_t>) { return k == kind; });
}

bool fragbits_hold(const RuleFragbits& wanted, uint16_t bits) noexcept {
  switch (wanted.mode) {
    case RuleFragbits::Mode::Exactly:
      return bits == wanted.bits;
    case RuleFragbits::Mode::More:
      return (bits & wanted.bits) == wanted.bits && bits != wanted.bits;
    case RuleFragbits::Mode::Any:
      return (bits & wanted.bits) != 0;
    case RuleFragbits::Mode::NotAll:
      return (bits & wanted.bits) != wanted.bits;
  }
  return false;
}

bool tcp_holds(const RulePacketTests& t, const PacketFacts& p) noexcept {
  if (!t.flags && !t.seq && !t.ack && !t.window && !t.tcp_mss) return true;
  if (p.protocol != IPPROTO_TCP || p.l4.size() < kTcpHeader) return false;
  if (t.flags && !holds(*t.flags, p.l4[13])) return false;
  if (t.seq && !t.seq->holds(u32(p.l4, 4))) return false;
  if (t.ack && !t.ack->holds(u32(p.l4, 8))) return false;
  if (t.window && !t.window->holds(u16(p.l4, 14))) return false;
  if (!t.tcp_mss) return true;
  return any_option(p.l4.subspan(kTcpHeader), [&](uint8_t kind, std::span<const uint8_t> value) {
    return kind == kTcpMss && value.size() == 2 && t.tcp_mss->holds(u16(value, 0));
  });
}

bool icmp_holds(const RulePacketTests& t, const PacketFacts& p) noexcept {
  if (!t.itype && !t.icode && !t.icmp_id && !t.icmp_seq) return true;
  const bool icmp = p.protocol == IPPROTO_ICMP || p.protocol == IPPROTO_ICMPV6;
  if (!icmp || p.l4.size() < kIcmpHeader) return false;
  if (t.itype && !t.itype->holds(p.l4[0])) return false;
  if (t.icode && !t.icode->holds(p.l4[1])) return false;
  if (!t.icmp_id && !t.icmp_seq) return true;
  if (p.l4.size() < kIcmpEchoHeader) return false;
  if (t.icmp_id && !t.icmp_id->holds(u16(p.l4, 4))) return false;
  return !t.icmp_seq || t.icmp_seq->holds(u16(p.l4, 6));
}

bool ip_holds(const RulePacketTests& t, const PacketFacts& p) noexcept {
  const bool v4 = !p.ipv6 && p.ip.size() >= kIpv4Header;
  if (t.ttl && !t.ttl->holds(p.ipv6 ? p.ip[7] : p.ip[8])) return false;
  for (const RuleRange& range : t.ip_proto) {
    if (!range.holds(p.protocol)) return false;
  }
  if (t.same_ip && p.ends.address[0] != p.ends.address[1]) return false;
  if (t.ip_id && (!v4 || !t.ip_id->holds(u16(p.ip, 4)))) return false;
  if (t.fragbits && (!v4 || !fragbits_hold(*t.fragbits, u16(p.ip, 6) & kFragbits))) return false;
  if (t.fragoffset && (!v4 || !t.fragoffset->holds(u16(p.ip, 6) & 0x1fff))) return false;
  return !t.ip_options || (v4 && has_ip_option(*t.ip_options, p.ip.subspan(kIpv4Header)));
}

bool stream_size_holds(const RulePacketTests::StreamSize& size, const FlowFacts& flow) noexcept {
  using Side = RulePacketTests::StreamSize::Side;
  const bool client = size.range.holds(static_cast<int64_t>(flow.stream_bytes[0]));
  const bool server = size.range.holds(static_cast<int64_t>(flow.stream_bytes[1]));
  switch (size.side) {
    case Side::Client:
      return client;
    case Side::Server:
      return server;
    case Side::Both:
      return client && server;
    case Side::Either:
      return client || server;
  }
  return false;
}

BufferView whole(std::span<const uint8_t> bytes) noexcept {
  return {bytes.data(), static_cast<uint32_t>(bytes.size()), 0, 0, true};
}

}  // namespace

size_t icmp_header_size(std::span<const uint8_t> message, bool ipv6) noexcept {
  constexpr size_t kLeast = 8;
  enum : uint8_t { kAdvertisement = 9, kTimestamp = 13, kTimestampReply = 14, kMask = 17, kMaskReply = 18 };
  size_t size = kLeast;
  if (!ipv6 && message.size() > kLeast) {
    switch (message[0]) {
      case kAdvertisement:  // addresses of so many 32-bit words
        size += size_t{message[4]} * message[5] * 4;
        break;
      case kTimestamp:
      case kTimestampReply:
        size += 12;
        break;
      case kMask:
      case kMaskReply:
        size += 4;
        break;
      default:
        break;
    }
  }
  return std::min(size, message.size());
}

bool holds(const RuleTcpFlags& wanted, uint8_t flags) noexcept {
  if (wanted.flags == 0 && flags != 0) return wanted.mode == RuleTcpFlags::Mode::NotAll;
  flags &= static_cast<uint8_t>(~wanted.ignored);
  switch (wanted.mode) {
    case RuleTcpFlags::Mode::Exactly:
      return flags == wanted.flags;
    case RuleTcpFlags::Mode::AtLeast:
      return (flags & wanted.flags) == wanted.flags;
    case RuleTcpFlags::Mode::Any:
      return (flags & wanted.flags) != 0;
    case RuleTcpFlags::Mode::NotAll:
      return (flags & wanted.flags) != wanted.flags;
  }
  return false;
}

bool holds(const RulePacketTests& tests, const PacketFacts& packet,
           const FlowFacts& flow) noexcept {
  if (tests.dsize && !tests.dsize->holds(static_cast<int64_t>(packet.payload.size()))) return false;
  return ip_holds(tests, packet) && tcp_holds(tests, packet) && icmp_holds(tests, packet) &&
         (!tests.stream_size || stream_size_holds(*tests.stream_size, flow));
}

BufferView header_view(Buffer buffer, const PacketFacts& p) noexcept {
  switch (buffer) {
    case Buffer::Ipv4Header:
      return p.ipv6 ? BufferView{} : whole(p.ip);
    case Buffer::Ipv6Header:
      return p.ipv6 ? whole(p.ip) : BufferView{};
    case Buffer::TcpHeader:
      return p.protocol == IPPROTO_TCP ? whole(p.l4) : BufferView{};
    case Buffer::UdpHeader:
      return p.protocol == IPPROTO_UDP ? whole(p.l4) : BufferView{};
    case Buffer::Icmpv4Header:
      return p.protocol == IPPROTO_ICMP ? whole(p.l4) : BufferView{};
    case Buffer::Icmpv6Header:
      return p.protocol == IPPROTO_ICMPV6 ? whole(p.l4) : BufferView{};
    default:
      return {};
  }
}

}  // namespace sluice::rules

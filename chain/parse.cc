// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/parse.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ip.h>

#include <cstring>

#include "chain/packet_meta.h"
#include "chain/reasons.h"

namespace sluice {

namespace {

constexpr unsigned kEthernetLen = 14;
constexpr unsigned kMaxVlanTags = 4;
constexpr unsigned kMaxL2Len = 127;  // width of rte_mbuf::l2_len
constexpr unsigned kMaxL3Len = 511;  // width of rte_mbuf::l3_len
constexpr unsigned kMaxExtensionHeaders = 8;

enum EtherType : uint16_t {
  kEtherIpv4 = 0x0800,
  kEtherArp = 0x0806,
  kEtherVlan = 0x8100,
  kEtherIpv6 = 0x86dd,
  kEtherSlow = 0x8809,  // LACP
  kEtherQinq = 0x88a8,
  kEtherLldp = 0x88cc,
  kEtherQinqOld = 0x9100,
};

uint16_t load16(const uint8_t* p) noexcept {
  return static_cast<uint16_t>((p[0] << 8) | p[1]);
}
uint32_t load32(const uint8_t* p) noexcept {
  return (uint32_t{load16(p)} << 16) | load16(p + 2);
}
uint16_t load16_be(const uint8_t* p) noexcept {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}
uint32_t load32_be(const uint8_t* p) noexcept {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

// One frame under the reader's finger.
class Parser {
 public:
  Parser(rte_mbuf* m, const ParseOptions& options, ParsedPacket& out) noexcept
      : m_(m),
        meta_(meta(m)),
        options_(options),
        out_(out),
        data_(rte_pktmbuf_mtod(m, const uint8_t*)),
        end_(m->data_len) {}

  void run() noexcept {
    m_->tx_offload = 0;
    meta_.flags &= kMetaReassembled;
    meta_.payload_len = 0;
    out_.kind = PacketKind::Bad;
    out_.reason = kNoReason;
    if (m_->nb_segs != 1) return bad(CoreReason::ParseMultiSegment);
    if (end_ < kEthernetLen) return bad(CoreReason::ParseTruncated);
    uint16_t zone = options_.zone.base;
    unsigned at = 12;
    uint16_t type = load16(data_ + at);
    for (unsigned tags = 0; type == kEtherVlan || type == kEtherQinq || type == kEtherQinqOld;
         ++tags) {
      if (tags == kMaxVlanTags) return bad(CoreReason::ParseHeadersTooLong);
      if (at + 6 > end_) return bad(CoreReason::ParseTruncated);
      if (tags == 0 && options_.zone.per_vlan) {
        zone = static_cast<uint16_t>(zone + (load16(data_ + at + 2) & 0x0fff));
      }
      at += 4;
      type = load16(data_ + at);
    }
    l2_len_ = at + 2;
    m_->l2_len = l2_len_ & kMaxL2Len;
    zone_ = zone;
    switch (type) {
      case kEtherIpv4:
        return ipv4();
      case kEtherIpv6:
        return ipv6();
      case kEtherArp:
      case kEtherSlow:
      case kEtherLldp:
        return control();
      default:
        return is_bridge_group() ? control() : other();
    }
  }

 private:
  void bad(CoreReason r) noexcept {
    out_.kind = PacketKind::Bad;
    out_.reason = reason(r);
  }
  void control() noexcept {
    out_.kind = PacketKind::Control;
    meta_.flags |= kMetaControl;
  }
  void other() noexcept { out_.kind = PacketKind::Other; }

  // IEEE 802.1D table 7-10: spanning tree and its kin.
  bool is_bridge_group() const noexcept {
    static constexpr uint8_t kGroup[] = {0x01, 0x80, 0xc2, 0x00, 0x00};
    return std::memcmp(data_, kGroup, sizeof kGroup) == 0 && data_[5] <= 0x0f;
  }

  // RFC 791.
  void ipv4() noexcept {
    const uint8_t* ip = data_ + l2_len_;
    const unsigned room = end_ - l2_len_;
    if (room < 20) return bad(CoreReason::ParseTruncated);
    const unsigned header_len = (ip[0] & 0x0fu) * 4;
    const unsigned total_len = load16(ip + 2);
    if ((ip[0] >> 4) != 4 || header_len < 20 || total_len < header_len) {
      return bad(CoreReason::ParseBadIpHeader);
    }
    if (total_len > room) return bad(CoreReason::ParseTruncated);
    if (options_.verify_by_flags) {
      const uint64_t flags = m_->ol_flags;
      if ((flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD) {
        return bad(CoreReason::ParseBadChecksum);
      }
    }
    if (options_.verify_ip_checksum && rte_raw_cksum(ip, header_len) != 0xffff) {
      return bad(CoreReason::ParseBadChecksum);
    }
    m_->l3_len = header_len & kMaxL3Len;
    out_.ip_len = static_cast<uint16_t>(total_len);
    family_ = kFamilyIpv4;
    proto_ = ip[9];
    ipv4_addresses(ip);
    const uint16_t fragment = load16(ip + 6);
    if (fragment & 0x3fff) {
      const unsigned offset = (fragment & 0x1fffu) * 8;
      fragment_found(load16(ip + 4), proto_, offset, total_len - header_len,
                     (fragment & 0x2000) != 0, l2_len_ + header_len);
      return;
    }
    transport(ip + header_len, total_len - header_len);
  }

  // RFC 8200; extension headers by section 4.
  void ipv6() noexcept {
    const uint8_t* ip = data_ + l2_len_;
    const unsigned room = end_ - l2_len_;
    if (room < 40) return bad(CoreReason::ParseTruncated);
    const unsigned total_len = 40u + load16(ip + 4);
    if ((ip[0] >> 4) != 6) return bad(CoreReason::ParseBadIpHeader);
    if (total_len > room) return bad(CoreReason::ParseTruncated);
    meta_.flags |= kMetaIpv6;
    out_.ip_len = static_cast<uint16_t>(total_len > 0xffff ? 0xffff : total_len);
    family_ = kFamilyIpv6;
    ipv6_addresses(ip);

    unsigned at = 40;
    unsigned next_at = 6;
    uint8_t next = ip[6];
    for (unsigned headers = 0;; ++headers) {
      unsigned len;
      switch (next) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
        case 135:  // mobility, RFC 6275
        case 139:  // HIP, RFC 7401
        case 140:  // shim6, RFC 5533
          if (at + 8 > total_len) return bad(CoreReason::ParseTruncated);
          len = (ip[at + 1] + 1u) * 8;
          break;
        case IPPROTO_AH:  // RFC 4302 section 2.2
          if (at + 8 > total_len) return bad(CoreReason::ParseTruncated);
          len = (ip[at + 1] + 2u) * 4;
          break;
        case IPPROTO_FRAGMENT: {
          if (at + 8 > total_len) return bad(CoreReason::ParseTruncated);
          const uint16_t word = load16(ip + at + 2);
          if ((word & 0xfff9) == 0) {  // RFC 6946: atomic, nothing to collect
            len = 8;
            break;
          }
          m_->l3_len = at & kMaxL3Len;
          out_.fragment.fragment_header_offset = static_cast<uint16_t>(l2_len_ + at);
          out_.fragment.next_header_offset = static_cast<uint16_t>(l2_len_ + next_at);
          if (l2_len_ + at + 8 > 0xffff || at > kMaxL3Len) {
            return bad(CoreReason::ParseHeadersTooLong);
          }
          fragment_found(load32(ip + at + 4), ip[at], word & 0xfff8u, total_len - at - 8,
                         (word & 1) != 0, l2_len_ + at + 8);
          return;
        }
        default:
          proto_ = next;
          if (at > kMaxL3Len) return bad(CoreReason::ParseHeadersTooLong);
          m_->l3_len = at & kMaxL3Len;
          transport(ip + at, total_len - at);
          return;
      }
      if (headers == kMaxExtensionHeaders) return bad(CoreReason::ParseHeadersTooLong);
      if (at + len > total_len) return bad(CoreReason::ParseTruncated);
      next_at = at;
      next = ip[at];
      at += len;
    }
  }

  void fragment_found(uint32_t id, uint8_t proto, unsigned offset, unsigned length, bool more,
                      unsigned data_offset) noexcept {
    // Every fragment but the last is a multiple of 8 (RFC 791 section 3.2, RFC
    // 8200 section 4.5), and none may reach beyond 65,535.
    if (length == 0 || (more && length % 8 != 0) || offset + length > 65535) {
      return bad(CoreReason::FragmentBad);
    }
    FragmentHeader& f = out_.fragment;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(f.source.data()), source_);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(f.destination.data()), destination_);
    f.id = id;
    f.zone = zone_;
    f.proto = proto;
    f.family = family_;
    f.offset = static_cast<uint16_t>(offset);
    f.length = static_cast<uint16_t>(length);
    f.more = more;
    f.l3_offset = static_cast<uint16_t>(l2_len_);
    f.data_offset = static_cast<uint16_t>(data_offset);
    out_.kind = PacketKind::Fragment;
  }

  // `room`: bytes of the IP payload, all of them in the frame.
  void transport(const uint8_t* l4, unsigned room) noexcept {
    out_.kind = PacketKind::Flow;
    if (options_.verify_by_flags &&
        (m_->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD) {
      return bad(CoreReason::ParseBadChecksum);
    }
    switch (proto_) {
      case IPPROTO_TCP:
        if (!tcp(l4, room)) return;
        break;
      case IPPROTO_UDP: {
        if (room < 8) return bad(CoreReason::ParseBadTransport);
        const unsigned length = load16(l4 + 4);
        if (length < 8 || length > room) return bad(CoreReason::ParseBadTransport);
        ports(l4, 8, length - 8);
        meta_.flags |= kMetaUdp;
        break;
      }
      case IPPROTO_SCTP:
        if (room < 12) return bad(CoreReason::ParseBadTransport);
        ports(l4, 12, room - 12);
        break;
      case IPPROTO_ICMP:
        if (family_ != kFamilyIpv4) return opaque(room);
        if (!icmp(l4, room)) return;
        break;
      case IPPROTO_ICMPV6:
        if (family_ != kFamilyIpv6) return opaque(room);
        if (!icmpv6(l4, room)) return;
        break;
      default:
        return opaque(room);
    }
    key_found();
    // The sender of an ICMP error speaks from the far side of the packet that it quotes.
    if (out_.kind == PacketKind::IcmpError) out_.sender_end ^= 1;
  }

  void opaque(unsigned room) noexcept {
    meta_.payload_len = static_cast<uint16_t>(room);
    key_found();
  }

  void key_found() noexcept {
    out_.sender_end =
        make_key(out_.key, source_, destination_, ports_, zone_, proto_, family_) ? 1 : 0;
  }
  void ipv4_addresses(const uint8_t* ip) noexcept {
    source_ = _mm_cvtsi32_si128(static_cast<int>(load32_be(ip + 12)));
    destination_ = _mm_cvtsi32_si128(static_cast<int>(load32_be(ip + 16)));
  }
  void ipv6_addresses(const uint8_t* ip) noexcept {
    source_ = _mm_loadu_si128(reinterpret_cast<const __m128i*>(ip + 8));
    destination_ = _mm_loadu_si128(reinterpret_cast<const __m128i*>(ip + 24));
  }

  void ports(const uint8_t* l4, unsigned header_len, unsigned payload_len) noexcept {
    ports_ = load32_be(l4);
    m_->l4_len = header_len & 0xff;
    meta_.payload_len = static_cast<uint16_t>(payload_len);
  }

  bool tcp(const uint8_t* l4, unsigned room) noexcept {
    const unsigned header_len = room < 20 ? 0 : (l4[12] >> 4) * 4u;
    if (header_len < 20 || header_len > room) {
      bad(CoreReason::ParseBadTransport);
      return false;
    }
    ports(l4, header_len, room - header_len);
    meta_.flags |= kMetaTcp;
    TcpSegment& s = out_.tcp;
    s.seq = load32(l4 + 4);
    s.ack = load32(l4 + 8);
    s.flags = l4[13];
    s.window = load16(l4 + 14);
    s.payload_len = meta_.payload_len;
    s.window_scale = kNoWindowScale;
    if (s.flags & kTcpSyn) s.window_scale = window_scale(l4 + 20, l4 + header_len);
    return true;
  }

  // RFC 7323 section 2.2; malformed options end the search.
  static uint8_t window_scale(const uint8_t* p, const uint8_t* end) noexcept {
    while (p < end) {
      if (*p == 0) break;
      if (*p == 1) {
        ++p;
        continue;
      }
      if (end - p < 2 || p[1] < 2 || p[1] > end - p) break;
      if (p[0] == 3 && p[1] == 3) return p[2] > 14 ? 14 : p[2];
      p += p[1];
    }
    return kNoWindowScale;
  }

  bool icmp(const uint8_t* l4, unsigned room) noexcept {
    if (room < 8) {
      bad(CoreReason::ParseBadTransport);
      return false;
    }
    m_->l4_len = 8;
    meta_.payload_len = static_cast<uint16_t>(room - 8);
    switch (l4[0]) {
      case 0:
      case 8:
        echo(l4);
        break;
      case 3:   // destination unreachable
      case 4:   // source quench
      case 5:   // redirect
      case 11:  // time exceeded
      case 12:  // parameter problem
        return quoted_ipv4(l4 + 8, room - 8);
      default:
        break;
    }
    return true;
  }

  bool icmpv6(const uint8_t* l4, unsigned room) noexcept {
    if (room < 4) {
      bad(CoreReason::ParseBadTransport);
      return false;
    }
    const unsigned header_len = room < 8 ? 4 : 8;
    m_->l4_len = header_len & 0xff;
    meta_.payload_len = static_cast<uint16_t>(room - header_len);
    const uint8_t type = l4[0];
    if (type >= 133 && type <= 137) {  // RFC 4861: neighbour discovery
      control();
      return false;
    }
    if (type >= 1 && type <= 4) {
      if (room < 8) {
        bad(CoreReason::ParseBadTransport);
        return false;
      }
      return quoted_ipv6(l4 + 8, room - 8);
    }
    if ((type == 128 || type == 129) && room >= 8) echo(l4);
    return true;
  }

  void echo(const uint8_t* l4) noexcept {
    meta_.flags |= kMetaIcmpEcho;
    identifier(l4);
  }
  // Stands in both ports' place.
  void identifier(const uint8_t* l4) noexcept {
    const uint32_t id = load16_be(l4 + 4);
    ports_ = id << 16 | id;
  }

  // RFC 792: the IP header and at least 64 bits of its payload.
  bool quoted_ipv4(const uint8_t* ip, unsigned room) noexcept {
    const unsigned header_len = room < 20 ? 0 : (ip[0] & 0x0fu) * 4;
    if (header_len < 20 || (ip[0] >> 4) != 4 || header_len + 8 > room) {
      bad(CoreReason::ParseBadTransport);
      return false;
    }
    ipv4_addresses(ip);
    proto_ = ip[9];
    quoted_ports(ip + header_len);
    return true;
  }

  // RFC 4443 section 2.4. Quoted extension headers are not walked: such a
  // packet's error finds no flow.
  bool quoted_ipv6(const uint8_t* ip, unsigned room) noexcept {
    if (room < 48 || (ip[0] >> 4) != 6) {
      bad(CoreReason::ParseBadTransport);
      return false;
    }
    ipv6_addresses(ip);
    proto_ = ip[6];
    quoted_ports(ip + 40);
    return true;
  }

  void quoted_ports(const uint8_t* l4) noexcept {
    out_.kind = PacketKind::IcmpError;
    meta_.flags |= kMetaIcmpError;
    switch (proto_) {
      case IPPROTO_TCP:
      case IPPROTO_UDP:
      case IPPROTO_SCTP:
        ports_ = load32_be(l4);
        break;
      case IPPROTO_ICMP:
        if (l4[0] == 0 || l4[0] == 8) identifier(l4);
        break;
      case IPPROTO_ICMPV6:
        if (l4[0] == 128 || l4[0] == 129) identifier(l4);
        break;
      default:
        break;
    }
  }

  rte_mbuf* m_;
  PacketMeta& meta_;
  const ParseOptions& options_;
  ParsedPacket& out_;
  const uint8_t* data_;
  unsigned end_;
  unsigned l2_len_ = kEthernetLen;
  // Of the flow's key, in registers until it is whole.
  __m128i source_{}, destination_{};
  uint32_t ports_ = 0;  // network byte order, the source's in the lower half
  uint16_t zone_ = 0;
  uint8_t proto_ = 0, family_ = 0;
};

}  // namespace

void parse(rte_mbuf* m, const ParseOptions& options, ParsedPacket& out) noexcept {
  Parser(m, options, out).run();
}

}  // namespace sluice

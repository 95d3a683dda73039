// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Frames for tests, written as one reads them:
//   eth().vlan(10).ipv4("10.0.0.1", "10.0.0.2").tcp(31337, 443).payload("GET / ")
// Lengths and checksums are right unless a test asks for wrong ones.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/net_types.h"
#include "flowtable/tcp_state.h"

namespace sluice::test {

using Bytes = std::vector<uint8_t>;

inline constexpr std::string_view kDefaultSourceMac = "02:00:00:00:00:01";
inline constexpr std::string_view kDefaultDestinationMac = "02:00:00:00:00:02";

// A value: each call returns the builder, a copy goes on from there. Addresses
// that don't parse abort the test program.
class PacketBuilder {
 public:
  PacketBuilder& eth(std::string_view source = kDefaultSourceMac,
                     std::string_view destination = kDefaultDestinationMac);
  PacketBuilder& vlan(uint16_t id, uint16_t tpid = 0x8100);  // outermost first
  PacketBuilder& ethertype(uint16_t type);                   // instead of the right one

  PacketBuilder& ipv4(std::string_view source, std::string_view destination);
  PacketBuilder& ipv6(std::string_view source, std::string_view destination);
  // ipv4() or ipv6(), by the form of the addresses: for tests of both families.
  PacketBuilder& ip(std::string_view source, std::string_view destination);
  PacketBuilder& ttl(uint8_t value);     // hop limit, too
  PacketBuilder& tos(uint8_t value);     // traffic class, too
  PacketBuilder& ip_id(uint32_t value);  // of the datagram and its fragments
  PacketBuilder& dont_fragment();
  PacketBuilder& ip_options(Bytes options);  // IPv4; padded to 4 bytes
  PacketBuilder& protocol(uint8_t number);   // instead of the transport's
  PacketBuilder& ip_length(uint16_t value);  // total or payload length, instead of the right one
  // IPv6 extension headers, in order. `body` follows the two fixed bytes and is
  // padded to a multiple of 8.
  PacketBuilder& hop_by_hop(Bytes body = {1, 4, 0, 0, 0, 0});
  PacketBuilder& routing(Bytes body = {0, 0, 0, 0, 0, 0});
  PacketBuilder& destination_options(Bytes body = {1, 4, 0, 0, 0, 0});
  PacketBuilder& extension(uint8_t type, Bytes body);
  // One fragment written by hand: offset in bytes, multiple of 8.
  PacketBuilder& fragment(uint16_t offset, bool more);

  PacketBuilder& tcp(uint16_t source, uint16_t destination);  // flags: ACK unless told
  PacketBuilder& flags(uint8_t tcp_flags);                    // kTcp*
  PacketBuilder& seq(uint32_t value);
  PacketBuilder& ack(uint32_t value);
  PacketBuilder& window(uint16_t value);
  PacketBuilder& urgent(uint16_t pointer);  // the flag is flags()'s
  PacketBuilder& tcp_options(Bytes options);  // padded to 4 bytes
  PacketBuilder& udp(uint16_t source, uint16_t destination);
  PacketBuilder& sctp(uint16_t source, uint16_t destination);
  // ICMP or ICMPv6 by the family. Without a family yet: IPv4's.
  PacketBuilder& icmp_echo(uint16_t identifier, uint16_t sequence, bool reply = false);
  // Quotes what `about` has behind its Ethernet header, at most `quote` bytes.
  PacketBuilder& icmp_error(uint8_t type, uint8_t code, const PacketBuilder& about,
                            size_t quote = 548);
  PacketBuilder& icmp(uint8_t type, uint8_t code, Bytes body);
  PacketBuilder& neighbour_solicitation(std::string_view target, std::string_view source_mac = "");
  PacketBuilder& neighbour_advertisement(std::string_view target, std::string_view target_mac,
                                         bool solicited = true);

  PacketBuilder& arp_request(std::string_view sender_mac, std::string_view sender_ip,
                             std::string_view target_ip);
  PacketBuilder& arp_reply(std::string_view sender_mac, std::string_view sender_ip,
                           std::string_view target_mac, std::string_view target_ip);

  PacketBuilder& payload(std::string_view text);
  PacketBuilder& payload(Bytes bytes);
  PacketBuilder& payload_size(size_t bytes);  // a pattern of that length
  PacketBuilder& bad_ip_checksum();
  PacketBuilder& bad_checksum();               // of the transport
  PacketBuilder& pad_to(size_t frame_size);    // Ethernet padding behind the datagram
  PacketBuilder& truncate(size_t frame_size);  // cuts the frame

  Bytes bytes() const;
  Bytes ip_bytes() const;  // without Ethernet header, tags and padding
  // The datagram in `n` fragments, each a frame; their number is less than `n`
  // where the payload has too few units of 8 bytes.
  std::vector<Bytes> fragments(unsigned n) const;

  // From `pool`; the caller's to free. Aborts where the pool is empty.
  rte_mbuf* mbuf(rte_mempool* pool) const;

 private:
  enum class Network : uint8_t { None, Ipv4, Ipv6, Raw };
  enum class Transport : uint8_t { None, Tcp, Udp, Sctp, Icmp };
  struct Extension {
    uint8_t type;
    Bytes body;
  };

  uint8_t transport_protocol() const;
  Bytes transport_bytes() const;
  Bytes link_bytes() const;
  uint16_t checksum(const Bytes& segment, uint8_t protocol) const;
  void append_ipv4(Bytes& out, const Bytes& data, uint16_t offset, bool more) const;
  void append_ipv6(Bytes& out, const Bytes& data, std::optional<std::pair<uint16_t, bool>> piece,
                   size_t unfragmentable, uint8_t next) const;
  size_t unfragmentable_extensions() const;
  Bytes finish(Bytes frame) const;

  MacAddress source_mac_{{2, 0, 0, 0, 0, 1}};
  MacAddress destination_mac_{{2, 0, 0, 0, 0, 2}};
  std::vector<std::pair<uint16_t, uint16_t>> tags_;  // TPID, VLAN id
  std::optional<uint16_t> ethertype_;
  Network network_ = Network::None;
  IpAddress source_, destination_;
  uint8_t ttl_ = 64;
  uint8_t tos_ = 0;
  uint32_t ip_id_ = 0x1234;
  bool dont_fragment_ = false;
  Bytes ip_options_;
  std::optional<uint8_t> protocol_;
  std::optional<uint16_t> ip_length_;
  std::vector<Extension> extensions_;
  std::optional<std::pair<uint16_t, bool>> fragment_;
  Transport transport_ = Transport::None;
  uint16_t source_port_ = 0, destination_port_ = 0;
  uint8_t tcp_flags_ = kTcpAck;
  uint32_t seq_ = 1, ack_ = 1;
  uint16_t window_ = 65535;
  uint16_t urgent_ = 0;
  Bytes tcp_options_;
  uint8_t icmp_type_ = 0, icmp_code_ = 0;
  Bytes raw_;  // ARP, or what ICMP has behind its checksum
  Bytes payload_;
  bool bad_ip_checksum_ = false, bad_checksum_ = false;
  size_t pad_to_ = 0;
  std::optional<size_t> truncate_;
};

// Where a packet may begin.
PacketBuilder eth(std::string_view source = kDefaultSourceMac,
                  std::string_view destination = kDefaultDestinationMac);
PacketBuilder ipv4(std::string_view source, std::string_view destination);
PacketBuilder ipv6(std::string_view source, std::string_view destination);
PacketBuilder ip(std::string_view source, std::string_view destination);

rte_mbuf* make_mbuf(const Bytes& frame, rte_mempool* pool);
// The frame in a heap buffer of its exact length, so that AddressSanitizer sees
// a read behind it. Has no headroom and no tailroom.
rte_mbuf* make_exact_mbuf(const Bytes& frame, rte_mempool* pool);
Bytes bytes_of(const rte_mbuf* m);

// RFC 1071 over `data`; 0 if a checksum that it contains is right.
uint16_t internet_checksum(const uint8_t* data, size_t length, uint32_t sum = 0);

// Whether the IPv4 header checksum and the transport checksum of a frame
// without fragments are right (an absent UDP checksum over IPv4 is).
bool checksums_right(const Bytes& frame);

}  // namespace sluice::test

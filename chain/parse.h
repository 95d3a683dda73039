// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Reads a frame's headers once: Ethernet, VLAN and QinQ, IPv4, IPv6 with its
// extension headers, TCP, UDP, SCTP, ICMP. Nothing behind it parses them again.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "chain/verdict.h"
#include "flowtable/flow_key.h"
#include "flowtable/tcp_state.h"

namespace sluice {

// How an ingress numbers its zones.
struct ZoneRule {
  uint16_t base = 0;
  bool per_vlan = false;  // the outermost VLAN id is added
};

struct ParseOptions {
  ZoneRule zone;
  bool verify_ip_checksum = false;  // IPv4 header, in software
  bool verify_by_flags = false;     // refuse what the NIC marked as bad
};

enum class PacketKind : uint8_t {
  Flow,       // has a key
  IcmpError,  // the key is that of the quoted packet's flow
  Control,    // ARP, ND, LACP, LLDP, STP: no flow
  Other,      // no IP: no flow
  Fragment,   // `fragment` is set, no key yet
  Bad,        // `reason` says why
};

// What identifies a datagram's fragments, and where this one lies.
struct FragmentHeader {
  FlowAddress source, destination;
  uint32_t id;  // as on the wire
  uint16_t zone;
  uint8_t proto;  // IPv4: protocol; IPv6: next header of the fragment header
  uint8_t family;
  uint16_t offset;  // bytes
  uint16_t length;  // bytes of payload
  bool more;
  uint16_t l3_offset;               // of the IP header in the frame
  uint16_t data_offset;             // of the fragment's payload in the frame
  uint16_t fragment_header_offset;  // IPv6: of the fragment header in the frame
  uint16_t next_header_offset;      // IPv6: of the byte that names the fragment header
};

struct alignas(64) ParsedPacket {
  FlowKey key;  // normalised
  PacketKind kind;
  Reason reason;
  uint8_t sender_end;       // 0 or 1: the key's end that sent this packet
  uint16_t ip_len;          // bytes, header included
  TcpSegment tcp;           // Flow and TCP only
  FragmentHeader fragment;  // Fragment only
};

// Sets l2_len, l3_len, l4_len and the parse flags and payload length of the
// packet's meta (its other fields are left alone; kMetaReassembled is kept).
// Any worker; reads no byte beyond data_len.
void parse(rte_mbuf* m, const ParseOptions& options, ParsedPacket& out) noexcept;

}  // namespace sluice

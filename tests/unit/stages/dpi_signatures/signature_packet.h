// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A parsed packet outside of any pool: headers and payload in a heap block of
// exactly their length, so that reading beyond them is seen by the sanitizer.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chain/packet_meta.h"
#include "flowtable/flow.h"

namespace sluice::test {

class SignaturePacket {
 public:
  SignaturePacket(uint8_t protocol, const std::string& source, uint16_t source_port,
                  const std::string& destination, uint16_t destination_port,
                  std::string_view payload) {
    const bool ipv6 = source.find(':') != std::string::npos;
    const size_t l3_len = ipv6 ? 40 : 20;
    const size_t address = ipv6 ? 16 : 4;
    const size_t l4_len = protocol == IPPROTO_TCP ? 20 : protocol == IPPROTO_GRE ? 0 : 8;
    size_ = 14 + l3_len + l4_len + payload.size();
    frame_ = std::make_unique<uint8_t[]>(size_);
    uint8_t* ip = frame_.get() + 14;
    const int family = ipv6 ? AF_INET6 : AF_INET;
    uint8_t* addresses = ip + (ipv6 ? 8 : 12);
    inet_pton(family, source.c_str(), addresses);
    inet_pton(family, destination.c_str(), addresses + address);
    uint8_t* l4 = ip + l3_len;
    const bool ports = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
    if (ports) {
      write_port(l4, source_port);
      write_port(l4 + 2, destination_port);
    }
    if (!payload.empty()) std::memcpy(l4 + l4_len, payload.data(), payload.size());

    mbuf_.buf_addr = frame_.get();
    mbuf_.data_len = static_cast<uint16_t>(size_);
    mbuf_.pkt_len = static_cast<uint32_t>(size_);
    mbuf_.l2_len = 14;
    mbuf_.l3_len = l3_len & 0x1ff;
    mbuf_.l4_len = l4_len & 0xff;
    PacketMeta& p = meta(&mbuf_);
    p.flow = &flow_;
    p.payload_len = static_cast<uint16_t>(payload.size());
    if (ipv6) p.flags |= kMetaIpv6;
    if (protocol == IPPROTO_TCP) p.flags |= kMetaTcp;
    if (protocol == IPPROTO_UDP) p.flags |= kMetaUdp;

    flow_.key.family = ipv6 ? kFamilyIpv6 : kFamilyIpv4;
    flow_.key.proto = protocol;
    std::memcpy(flow_.key.addr[0].data(), addresses, address);
    std::memcpy(flow_.key.addr[1].data(), addresses + address, address);
    if (ports) {
      flow_.key.port[0] = htons(source_port);
      flow_.key.port[1] = htons(destination_port);
    }
    flow_.originator_end = normalise(flow_.key) ? 1 : 0;
  }
  SignaturePacket(const SignaturePacket&) = delete;
  SignaturePacket& operator=(const SignaturePacket&) = delete;

  rte_mbuf* mbuf() { return &mbuf_; }
  Flow& flow() { return flow_; }

 private:
  static void write_port(uint8_t* at, uint16_t port) {
    at[0] = static_cast<uint8_t>(port >> 8);
    at[1] = static_cast<uint8_t>(port);
  }

  std::unique_ptr<uint8_t[]> frame_;
  size_t size_ = 0;
  alignas(64) rte_mbuf mbuf_{};
  alignas(64) Flow flow_{};
};

}  // namespace sluice::test

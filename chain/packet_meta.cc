// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/packet_meta.h"

#include <rte_errno.h>
#include <rte_mbuf_dyn.h>

#include <stdexcept>
#include <string>

namespace sluice {

void register_packet_meta() {
  static const rte_mbuf_dynfield field = {
      .name = "sluice_packet_meta",
      .size = sizeof(PacketMeta),
      .align = alignof(PacketMeta),
      .flags = 0,
  };
  const int offset = rte_mbuf_dynfield_register_offset(&field, kPacketMetaOffset);
  if (offset != static_cast<int>(kPacketMetaOffset)) {
    throw std::runtime_error("mbuf dynamic field at offset " + std::to_string(kPacketMetaOffset) +
                             " is not to be had: " + rte_strerror(rte_errno));
  }
}

}  // namespace sluice

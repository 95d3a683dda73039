// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a router tells the sender of a packet that it can't forward: RFC 1812
// section 4.3, RFC 4443 section 3. Worker.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "stages/forwarding/forwarding_policy.h"

namespace sluice {

enum class IcmpError : uint8_t { TimeExceeded, TooBig, NoRoute, NoNeighbour };

// Turns `m` into the error about itself, to be sent back by `port`, its
// ingress. `mtu`: of the next link, for TooBig. False, and `m` unchanged, where
// no error may be sent (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 e), the
// port has no address of the family, or the mbuf has no room.
bool turn_into_error(rte_mbuf* m, const ForwardingPort& port, IcmpError error,
                     uint16_t mtu) noexcept;

}  // namespace sluice

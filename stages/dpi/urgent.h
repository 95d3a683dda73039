// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// TCP's urgent data (RFC 9293 section 3.8.5) is read in line here, but a receiver
// without SO_OOBINLINE takes a byte of it out of its stream (RFC 6093 section 3.1):
// it would read other than the rules did. So nobody gets to know what is urgent.
#pragma once

#include <rte_mbuf.h>

namespace sluice {

// Whether a segment with its flag set can be rewritten: of fragments that were put
// together the copy would be changed, not what is sent.
bool can_clear_urgent(const rte_mbuf* m) noexcept;

// Takes flag and pointer out of a TCP segment that has them and corrects its
// checksum by the difference: a wrong one stays wrong. True if it had them.
bool clear_urgent(rte_mbuf* m) noexcept;

}  // namespace sluice

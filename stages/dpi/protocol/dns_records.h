// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Resource records out of a DNS message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/arena.h"
#include "stages/dpi/protocol/dns_transaction.h"
#include "stages/dpi/protocol/transaction_memory.h"

namespace sluice {

enum class DnsRead : uint8_t {
  Whole,
  Bounded,  // more records or text than a transaction keeps
  NoMemory,
  Malformed,  // ends in nonsense; what stands before it has been read
};

// Reads `count` records from `at` and moves it behind them as far as they are
// sound. Their memory comes from `memory`.
DnsRead read_dns_records(std::span<const uint8_t> message, size_t& at, uint32_t count,
                         TransactionMemory& memory, Arena& arena,
                         std::span<const DnsRecord>& records) noexcept;

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What has been read, copied into a transaction's memory and shown as buffers.
#pragma once

#include <cstdint>

#include "stages/dpi/protocol/http_headers.h"
#include "stages/dpi/protocol/http_transaction.h"

namespace sluice::http {

// Memory that lives as long as the transaction; null (counted, the transaction
// truncated) when there is none.
uint8_t* keep_bytes(HttpTransaction& transaction, HttpLane& lane, size_t size) noexcept;
void release_bytes(HttpTransaction& transaction) noexcept;

void show_request_line(HttpTransaction& transaction, HttpLane& lane, Bytes line,
                       const RequestLine& read) noexcept;
void show_status_line(HttpTransaction& transaction, HttpLane& lane, Bytes line) noexcept;

// `first_line` is the view of the first line (of none: empty), `block` the
// header block as it came.
void show_headers(HttpTransaction& transaction, HttpLane& lane, Direction from, Bytes block,
                  const HeaderTable& table) noexcept;

}  // namespace sluice::http

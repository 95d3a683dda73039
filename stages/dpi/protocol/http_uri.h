// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Request targets (RFC 9112 section 3.2) as http.uri shows them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/dpi/protocol/http_text.h"

namespace sluice::http {

struct Target {
  Bytes host;      // of absolute-form or authority-form; without user, port or last dots
  Bytes path;      // what is left without scheme and authority, up to `?` or `#`
  Bytes query;     // from the `?` on
  Bytes fragment;  // from the `#` on
  bool has_host = false;
};
// `authority`: the target of CONNECT.
Target split_target(Bytes target, bool authority) noexcept;

// Of "host", "host:port", "[v6]", "[v6]:port".
Bytes host_without_port(Bytes authority) noexcept;

// Writes the path with escapes undone (%HH, %uHHHH, UTF-8 also where it is
// longer than need be, each character as its nearest one in Windows-1252),
// backslashes turned, runs of slashes made one and dot segments removed (RFC
// 3986 section 5.2.4), then the query as it came, then the fragment with %HH
// undone: what Suricata's default personality shows. `out` has room for as many
// bytes as the parts have; returns how many were written.
size_t normalise_target(const Target& target, uint8_t* out) noexcept;

}  // namespace sluice::http

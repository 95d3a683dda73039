// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_text.h"

namespace sluice::http {

bool contains(Bytes in, std::string_view lowered) noexcept {
  for (size_t from = 0; from < in.size(); ++from) {
    size_t matched = 0;
    for (size_t at = from; at < in.size() && matched < lowered.size(); ++at) {
      if (in[at] == 0 && matched > 0) continue;
      if (lower(in[at]) != static_cast<uint8_t>(lowered[matched])) break;
      ++matched;
    }
    if (matched == lowered.size()) return true;
  }
  return false;
}

int64_t number(Bytes b) noexcept {
  const auto first = std::find_if(b.begin(), b.end(), is_digit);
  if (first == b.end()) return -1;
  int64_t value = 0;
  for (auto at = first; at != b.end() && is_digit(*at); ++at) {
    if (value > (int64_t{1} << 58)) return -1;
    value = value * 10 + (*at - '0');
  }
  return value;
}

}  // namespace sluice::http

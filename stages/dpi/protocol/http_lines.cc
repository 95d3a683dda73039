// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_lines.h"

#include <immintrin.h>

#include <bit>
#include <cstring>

namespace sluice::http {

namespace {

// The first CR or LF from `at` on; the size if there is none.
size_t find_cr_or_lf(Bytes in, size_t at) {
  const __m256i cr = _mm256_set1_epi8('\r'), lf = _mm256_set1_epi8('\n');
  for (; at + 32 <= in.size(); at += 32) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in.data() + at));
    const __m256i hit = _mm256_or_si256(_mm256_cmpeq_epi8(v, cr), _mm256_cmpeq_epi8(v, lf));
    const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(hit));
    if (mask != 0) return at + static_cast<size_t>(std::countr_zero(mask));
  }
  while (at < in.size() && in[at] != '\r' && in[at] != '\n') ++at;
  return at;
}

size_t find_lf(Bytes in, size_t at) {
  if (at >= in.size()) return in.size();
  const void* lf = std::memchr(in.data() + at, '\n', in.size() - at);
  return lf == nullptr ? in.size()
                       : static_cast<size_t>(static_cast<const uint8_t*>(lf) - in.data());
}

size_t find_end(Bytes in, size_t at, LineEnds ends) {
  return ends == LineEnds::Lf ? find_lf(in, at) : find_cr_or_lf(in, at);
}

}  // namespace

bool LineSearch::next_line(Bytes shown, LineEnds ends, bool end, bool in_block) noexcept {
  while (true) {
    const size_t at = find_end(shown, searched_, ends);
    searched_ = static_cast<uint32_t>(at);
    if (at == shown.size()) {
      if (!end || line_start_ == shown.size()) return false;
      return found(at, at);
    }
    const size_t next = at + 1;
    if (ends == LineEnds::Lf) {
      return found(at > line_start_ && shown[at - 1] == '\r' ? at - 1 : at, next);
    }
    // What follows decides what this is: CR LF and LF CR are one end each; CR CR
    // is none; and an LF on an empty line ends a block, a CR behind it is body.
    const bool empty = at == line_start_;
    if (shown[at] == '\n' && in_block && empty) return found(at, next);
    if (next == shown.size()) {
      if (!end) return false;
      return found(at, next);
    }
    if (shown[at] == '\n') return found(at, shown[next] == '\r' ? next + 1 : next);
    if (shown[next] == '\n') return found(at, next + 1);
    searched_ = static_cast<uint32_t>(next);
    if (shown[next] == '\r') continue;
    if (!empty || !in_block) return found(at, next);
    line_start_ = searched_;  // a CR alone makes no empty line
  }
}

bool LineSearch::found(size_t content_end, size_t next) noexcept {
  content_size_ = static_cast<uint32_t>(content_end - line_start_);
  next_ = static_cast<uint32_t>(next);
  return true;
}

bool LineSearch::line(Bytes shown, LineEnds ends, bool end) noexcept {
  return next_line(shown, ends, end, false);
}

bool LineSearch::block(Bytes shown, LineEnds ends, bool end) noexcept {
  while (next_line(shown, ends, end, true)) {
    if (content_size_ == 0) return true;
    // Browsers end a block at a line of one blank too, unless an empty line
    // follows it.
    if (ends == LineEnds::Any && content_size_ == 1 && is_blank(shown[line_start_]) &&
        next_ > line_start_ + 1 && shown[line_start_ + 1] == '\n') {
      if (next_ == shown.size() && !end) return false;
      if (next_ < shown.size() && shown[next_] != '\n' && shown[next_] != '\r') return true;
    }
    line_start_ = searched_ = next_;
  }
  if (!end) return false;
  next_ = static_cast<uint32_t>(shown.size());
  return true;
}

bool LineReader::next(Bytes& line) noexcept {
  if (rest_.empty()) return false;
  LineSearch search;
  (void)search.line(rest_, ends_, true);
  line = without_line_end(rest_.first(search.content_size()));
  rest_ = rest_.subspan(search.next());
  return true;
}

}  // namespace sluice::http

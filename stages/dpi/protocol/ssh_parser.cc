// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/ssh_parser.h"

#include <algorithm>
#include <new>
#include <string_view>

namespace sluice {

namespace {

constexpr std::string_view kStart = "SSH-";

std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

SshParser::~SshParser() {
  if (transaction_ != nullptr) {
    transaction_->memory.release();
    arena_free(transaction_);
  }
}

Recognition SshParser::looks_like(Direction, std::span<const uint8_t> beginning) noexcept {
  const std::string_view text = text_of(beginning);
  const size_t size = std::min(text.size(), kStart.size());
  if (text.substr(0, size) != kStart.substr(0, size)) return Recognition::No;
  if (text.size() > 4 && text[4] != '1' && text[4] != '2') return Recognition::No;
  if (text.size() > 5) return text[5] == '.' ? Recognition::Yes : Recognition::No;
  return Recognition::NeedMore;
}

Consumed SshParser::consume(Direction from, std::span<const uint8_t> readable, bool end,
                            TransactionSink& sink) noexcept {
  const auto side = static_cast<size_t>(from);
  size_t at = 0;
  while (!finished_[side] && at < readable.size()) {
    const auto rest = readable.subspan(at);
    const std::string_view text = text_of(rest);
    const bool may_be_banner = text.substr(0, kStart.size()) == kStart.substr(0, text.size());
    const size_t newline = text.substr(0, kMaxBanner).find('\n');
    const bool line_ends = newline != std::string_view::npos;
    if (!line_ends && rest.size() < kMaxBanner && !end) break;
    const size_t line = line_ends ? newline + 1 : std::min(rest.size(), kMaxBanner);
    at += line;
    if (may_be_banner) {
      banner(from, rest.first(line), sink);
    } else {
      // Only a server may say something before (RFC 4253 section 4.2).
      before_[side] = static_cast<uint16_t>(before_[side] + line);
      if (from == Direction::Original || before_[side] > kMaxBefore) finish(from, sink);
    }
  }
  if (end && !finished_[side]) {
    at = readable.size();
    finish(from, sink);
  }
  return {at, finished_[side]};
}

void SshParser::end(TransactionSink& sink) noexcept {
  for (const Direction of : {Direction::Original, Direction::Reply}) finish(of, sink);
}

// "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
void SshParser::banner(Direction from, std::span<const uint8_t> line,
                       TransactionSink& sink) noexcept {
  const std::string_view text = text_of(line).substr(std::min(kStart.size(), line.size()));
  const size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    banner_[static_cast<size_t>(from)] = true;
    if (transaction_ == nullptr) {
      void* memory = lane_->arena.allocate(sizeof(SshTransaction));
      if (memory == nullptr) {
        ++lane_->counters.no_memory;
        finished_[0] = finished_[1] = true;
        return;
      }
      transaction_ = new (memory) SshTransaction;
      transaction_->protocol = AppProtocol::Ssh;
      ++lane_->counters.ssh_flows;
    }
    const std::string_view software = text.substr(dash + 1);
    const auto protocol =
        transaction_->memory.copy(bytes_of(text.substr(0, dash)), lane_->arena, 2 * kMaxBanner);
    const auto name =
        transaction_->memory.copy(bytes_of(software.substr(0, software.find_first_of(" \r\n"))),
                                  lane_->arena, 4 * kMaxBanner);
    if (protocol.data() != nullptr) transaction_->set(Buffer::SshProtocol, from, protocol);
    if (name.data() != nullptr) transaction_->set(Buffer::SshSoftware, from, name);
    if (protocol.data() == nullptr || name.data() == nullptr) {
      ++lane_->counters.no_memory;
      transaction_->truncated = true;
    }
  }
  finish(from, sink);
}

void SshParser::finish(Direction of, TransactionSink& sink) noexcept {
  const auto side = static_cast<size_t>(of);
  if (finished_[side]) return;
  finished_[side] = true;
  if (transaction_ == nullptr) return;
  transaction_->complete[0] = finished_[0];
  transaction_->complete[1] = finished_[1];
  sink.advanced(*transaction_, of);
  transaction_->fresh[0] = transaction_->fresh[1] = 0;
  if (!finished_[0] || !finished_[1]) return;
  sink.finished(*transaction_);
  transaction_->memory.release();
  arena_free(transaction_);
  transaction_ = nullptr;
}

}  // namespace sluice

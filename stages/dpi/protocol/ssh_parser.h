// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The two lines with which an SSH connection begins (RFC 4253 section 4.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/protocol/recognition.h"
#include "stages/dpi/protocol/transaction.h"
#include "stages/dpi/protocol/transaction_memory.h"

namespace sluice {

// Buffers, at the side that said it: SshProtocol ("2.0"), SshSoftware
// ("OpenSSH_9.2p1", without the comment behind it).
struct SshTransaction : Transaction {
  // The parser's own.
  TransactionMemory memory{};
};

// One flow. Memory comes from the lane's arena; it is returned when the
// transaction is finished or the parser goes. dpi's worker only.
class SshParser {
 public:
  static constexpr size_t kMaxBanner = 255;   // bytes, the line's end included
  static constexpr size_t kMaxBefore = 4096;  // bytes of lines that a server may say before

  explicit SshParser(ProtocolLane& lane) noexcept : lane_(&lane) {}
  ~SshParser();  // forgets what is pending without a word to any sink
  SshParser(const SshParser&) = delete;
  SshParser& operator=(const SshParser&) = delete;

  // "SSH-1." or "SSH-2."; NeedMore for less than that.
  static Recognition looks_like(Direction from, std::span<const uint8_t> beginning) noexcept;

  // `readable` is all of that direction's stream that has not been consumed, the
  // same bytes as before with more behind them. Finished behind the banner.
  Consumed consume(Direction from, std::span<const uint8_t> readable, bool end,
                   TransactionSink& sink) noexcept;
  bool finished(Direction of) const noexcept { return finished_[static_cast<size_t>(of)]; }

  // Both sides have said a banner.
  bool greeted() const noexcept { return banner_[0] && banner_[1]; }

  // Both directions are over: what is pending is finished as it is.
  void end(TransactionSink& sink) noexcept;

 private:
  void banner(Direction from, std::span<const uint8_t> line, TransactionSink& sink) noexcept;
  void finish(Direction of, TransactionSink& sink) noexcept;

  ProtocolLane* lane_;
  SshTransaction* transaction_ = nullptr;
  uint16_t before_[2] = {0, 0};  // bytes of lines passed over
  bool finished_[2] = {false, false};
  bool banner_[2] = {false, false};
};

}  // namespace sluice

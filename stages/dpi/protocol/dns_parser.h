// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// DNS over UDP and TCP (RFC 1035, 7766).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/protocol/dns_transaction.h"
#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/protocol/recognition.h"

namespace sluice {

// One flow. Variable memory comes from the lane's arena; it is returned when a
// transaction is finished or the parser goes. dpi's worker only.
class DnsParser {
 public:
  static constexpr uint32_t kMaxOutstanding = 16;  // questions without their answer
  static constexpr uint32_t kMaxQuestions = 8;     // of one message
  static constexpr size_t kMaxWait = 16 * 1024;    // bytes of a TCP message

  explicit DnsParser(ProtocolLane& lane) noexcept : lane_(&lane) {}
  ~DnsParser();  // forgets what is pending without a word to any sink
  DnsParser(const DnsParser&) = delete;
  DnsParser& operator=(const DnsParser&) = delete;

  // Whether a datagram is a DNS message (mDNS and LLMNR look alike), and whether
  // a TCP stream begins with one. Strict: what is odd is not DNS.
  static Recognition looks_like(Direction from, std::span<const uint8_t> datagram) noexcept;
  static Recognition stream_looks_like(Direction from, std::span<const uint8_t> beginning) noexcept;

  // A datagram's payload. What is no message is counted: the next may be one.
  void message(Direction from, std::span<const uint8_t> datagram, TransactionSink& sink) noexcept;

  // `readable` is all of that direction's TCP stream that has not been consumed,
  // at most 64 KiB, the same bytes as before with more behind them. Waits for
  // whole messages; of one of more than kMaxWait bytes the first ones are read.
  Consumed consume(Direction from, std::span<const uint8_t> readable, bool end,
                   TransactionSink& sink) noexcept;

  // Both directions are over: what is pending is finished as it is.
  void end(TransactionSink& sink) noexcept;

  uint32_t outstanding() const noexcept { return outstanding_; }
  bool answered() const noexcept { return answered_; }  // there was a response

 private:
  struct Header;
  struct Question;

  // `cut`: the message goes on behind `bytes`.
  void read(Direction from, std::span<const uint8_t> bytes, bool cut,
            TransactionSink& sink) noexcept;
  void asked(Direction from, const Header& header, const Question& question,
             TransactionSink& sink) noexcept;
  // `question` is null where the response repeats none.
  void answered(Direction from, const Header& header, const Question* question,
                std::span<const uint8_t> bytes, size_t records_at, bool cut,
                TransactionSink& sink) noexcept;
  DnsTransaction* find(Direction asked_by, uint16_t id, const Question* question) noexcept;
  DnsTransaction* create(Direction asked_by, const Header& header,
                         const Question* question) noexcept;
  void unlink(DnsTransaction* transaction) noexcept;
  void finish(DnsTransaction* transaction, TransactionSink& sink) noexcept;
  static void release(DnsTransaction* transaction) noexcept;

  ProtocolLane* lane_;
  DnsTransaction* oldest_ = nullptr;
  DnsTransaction* newest_ = nullptr;
  uint32_t outstanding_ = 0;
  uint32_t numbers_ = 0;
  uint16_t skip_[2] = {0, 0};  // bytes of a long TCP message that are still to come
  bool answered_ = false;
};

}  // namespace sluice

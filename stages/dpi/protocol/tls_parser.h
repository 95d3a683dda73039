// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// TLS handshakes from a flow's two streams, as far as they are readable: SSL 3
// to TLS 1.3 (RFC 6101, 2246, 4346, 5246, 8446), and hellos in the form of SSL 2
// (RFC 5246 appendix E.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/protocol/recognition.h"
#include "stages/dpi/protocol/tls_transaction.h"

namespace sluice {

// One flow. Variable memory comes from the lane's arena; it is returned when
// the transaction is finished or the parser goes. dpi's worker only.
// Direction::Original is taken for the client's.
class TlsParser {
 public:
  // Longest handshake message that is read; a longer one is passed over.
  static constexpr size_t kMaxMessage = 60 * 1024;

  explicit TlsParser(ProtocolLane& lane) noexcept : lane_(&lane) {}
  ~TlsParser();  // forgets what is pending without a word to any sink
  TlsParser(const TlsParser&) = delete;
  TlsParser& operator=(const TlsParser&) = delete;

  // Whether a direction's stream may begin so: a record with a ClientHello, or a
  // ServerHello or alert from the Reply side. NeedMore for what is too short to
  // tell (at most 11 bytes).
  static Recognition looks_like(Direction from, std::span<const uint8_t> beginning) noexcept;

  // `readable` is all of that direction's stream that has not been consumed, at
  // most 64 KiB, the same bytes as before with more behind them. Waits for whole
  // records of the handshake (18 KiB at most). `end`: nothing will follow; what
  // there is of a hello is then read as it stands.
  // Finished: encrypted from here on, or no TLS; see finished().
  Consumed consume(Direction from, std::span<const uint8_t> readable, bool end,
                   TransactionSink& sink) noexcept;

  // That direction has nothing more to say. One side's messages may end the
  // other's: after each consume() both are worth a look.
  bool finished(Direction of) const noexcept { return sides_[static_cast<size_t>(of)].finished; }

  // Both directions are over: what is pending is finished as it is.
  void end(TransactionSink& sink) noexcept;

  const TlsTransaction* transaction() const noexcept { return transaction_; }

 private:
  struct Side {
    uint8_t* message = nullptr;  // what is there of a message that spans records
    uint32_t message_used = 0;
    uint32_t message_room = 0;
    uint32_t message_skip = 0;  // bytes of a message that is passed over, still to come
    uint32_t record_skip = 0;   // the same of a record
    uint32_t early_bytes = 0;   // application data before the server has said anything
    uint8_t empty_records = 0;  // in a row
    uint8_t hellos = 0;
    bool any = false;  // a record has been read
    bool certificate = false;
    bool finished = false;
  };

  size_t read_record(Direction from, std::span<const uint8_t> readable,
                     TransactionSink& sink) noexcept;
  size_t read_ssl2(Direction from, std::span<const uint8_t> readable,
                   TransactionSink& sink) noexcept;
  size_t application_data(Direction from, size_t length) noexcept;
  void handshake(Direction from, std::span<const uint8_t> fragment, TransactionSink& sink) noexcept;
  void message(Direction from, std::span<const uint8_t> whole, TransactionSink& sink) noexcept;
  void client_hello(std::span<const uint8_t> body, bool whole, TransactionSink& sink) noexcept;
  void server_hello(std::span<const uint8_t> body, bool whole, TransactionSink& sink) noexcept;
  void change_cipher_spec(Direction from) noexcept;
  void alert(Direction from, uint8_t level, uint8_t description) noexcept;
  void rest_of_hello(Direction from, std::span<const uint8_t> unread,
                     TransactionSink& sink) noexcept;
  bool hold(Side& side, std::span<const uint8_t> bytes) noexcept;
  void pass_over_message(Side& side, uint32_t bytes) noexcept;
  static void drop_message(Side& side) noexcept;
  bool begin() noexcept;
  void tell(Direction by, TransactionSink& sink) noexcept;
  void finish_side(Direction of) noexcept;
  void finish_both() noexcept;
  void broken(Direction from) noexcept;
  void settle(Direction by, TransactionSink& sink) noexcept;
  bool server_has_spoken() const noexcept;
  Side& side(Direction of) noexcept { return sides_[static_cast<size_t>(of)]; }

  ProtocolLane* lane_;
  TlsTransaction* transaction_ = nullptr;
  std::array<Side, 2> sides_{};
  bool server_done_ = false;  // a ServerHelloDone has been seen
};

}  // namespace sluice

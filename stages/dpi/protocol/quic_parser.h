// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The readable part of QUIC: Initial packets, whose keys follow from the
// client's first Destination Connection ID (RFC 9001 section 5.2), and the TLS
// hellos in them. Versions 1 (RFC 9000), 2 (RFC 9369) and drafts 23 to 34.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/protocol/quic_crypto_stream.h"
#include "stages/dpi/protocol/quic_initial.h"
#include "stages/dpi/protocol/recognition.h"
#include "stages/dpi/protocol/tls_transaction.h"

namespace sluice {

// One flow. Variable memory comes from the lane's arena; it is returned when
// the transaction is finished or the parser goes. dpi's worker only.
// Direction::Original is taken for the client's.
class QuicParser {
 public:
  // Datagrams of a side that are looked at.
  static constexpr uint32_t kMaxDatagrams = 64;
  // Connections in one flow, each with a transaction of its own.
  static constexpr uint32_t kMaxConnections = 4;

  explicit QuicParser(ProtocolLane& lane) noexcept : lane_(&lane) {}
  ~QuicParser();  // forgets what is pending without a word to any sink
  QuicParser(const QuicParser&) = delete;
  QuicParser& operator=(const QuicParser&) = delete;

  // Yes: an Initial of a version that can be decrypted, in a datagram of at
  // least 1,200 bytes if it is the client's (RFC 9000 section 14.1).
  static Recognition looks_like(Direction from, std::span<const uint8_t> datagram) noexcept;

  // A datagram's payload. False: nothing more is to be learnt from this flow.
  bool datagram(Direction from, std::span<const uint8_t> payload, TransactionSink& sink) noexcept;

  // Both directions are over: what is pending is finished as it is.
  void end(TransactionSink& sink) noexcept;

  // A client's Initial could be decrypted; a server's in answer to it.
  bool opened() const noexcept { return version_ != 0; }
  bool answered() const noexcept { return answered_; }

  const QuicTransaction* transaction() const noexcept { return transaction_; }

 private:
  struct Side {
    QuicCryptoStream crypto{};
    QuicKeys keys{};
    uint8_t datagrams = 0;
    bool done = false;  // its hello has been read, or given up
  };

  void packet(Direction from, const QuicLongHeader& header, std::span<const uint8_t> bytes,
              TransactionSink& sink) noexcept;
  bool open(Direction from, const QuicLongHeader& header, std::span<const uint8_t> bytes,
            QuicPlain& plain, TransactionSink& sink) noexcept;
  void begin_connection(const QuicLongHeader& header, const QuicKeys& keys,
                        TransactionSink& sink) noexcept;
  void frames(Direction from, std::span<const uint8_t> payload) noexcept;
  void read_hello(Direction from, bool whole, TransactionSink& sink) noexcept;
  bool begin() noexcept;
  void give_up(Direction of) noexcept;
  void finish(TransactionSink& sink) noexcept;
  Side& side(Direction of) noexcept { return sides_[static_cast<size_t>(of)]; }

  ProtocolLane* lane_;
  QuicTransaction* transaction_ = nullptr;
  std::array<Side, 2> sides_{};
  QuicConnectionId destination_{};  // from which the keys in use were derived
  uint32_t version_ = 0;            // of the client's latest Initial
  uint32_t numbers_ = 0;
  bool answered_ = false;
  bool restarted_ = false;  // the server has asked for other keys: Retry, version negotiation
  bool over_ = false;
};

}  // namespace sluice

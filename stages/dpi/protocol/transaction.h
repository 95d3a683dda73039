// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One exchange of an application protocol as far as it has been read: an HTTP
// request and its response, a TLS handshake, one question to a name server, the
// two banners of SSH. Parsers fill it; rules and the event log read it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "flowtable/flow_key.h"
#include "stages/dpi/buffer.h"

namespace sluice {

enum class AppProtocol : uint8_t { None, Http, Tls, Dns, Ssh, Quic };

// Memory is the parser's (from the lane's arena), as is everything that the
// views point to. dpi's worker only.
struct Transaction {
  AppProtocol protocol = AppProtocol::None;
  uint32_t number = 0;  // in the flow, from 0
  // By Direction of who sent it. A view that grows (a body) keeps `scanned`
  // right when its beginning is given up.
  std::array<BufferView, kBuffers> views[2]{};
  // Of buffers that may be there several times (Buffer says which): the second
  // and later ones, by Direction. Owned by the parser.
  struct More {
    Buffer buffer;
    BufferView view;
  };
  std::span<const More> more[2]{};
  // Buffers (buffer_bit) that have appeared, grown or become complete since the
  // sink was last told, by Direction.
  uint64_t fresh[2] = {0, 0};
  // That side has said all that belongs to this transaction.
  bool complete[2] = {false, false};
  // Something had to be given up for want of memory or beyond a bound.
  bool truncated = false;

  BufferView& view(Buffer buffer, Direction of) noexcept {
    return views[static_cast<size_t>(of)][static_cast<size_t>(buffer)];
  }
  const BufferView& view(Buffer buffer, Direction of) const noexcept {
    return views[static_cast<size_t>(of)][static_cast<size_t>(buffer)];
  }
  // `bytes` must outlive the transaction.
  void set(Buffer buffer, Direction of, std::span<const uint8_t> bytes,
           bool is_complete = true) noexcept {
    // An empty buffer that is there is not the same as none.
    static constexpr uint8_t kNothing = 0;
    BufferView& v = view(buffer, of);
    v.data = bytes.data() != nullptr ? bytes.data() : &kNothing;
    v.size = static_cast<uint32_t>(bytes.size());
    v.complete = is_complete;
    fresh[static_cast<size_t>(of)] |= buffer_bit(buffer);
  }
};

// Who wants to know of transactions. Called while a parser reads a packet.
class TransactionSink {
 public:
  // `transaction.fresh` says what is new; the parser clears it behind the call.
  virtual void advanced(Transaction& transaction, Direction by) noexcept = 0;
  // Nothing more will come of it; its memory goes behind the call.
  virtual void finished(Transaction& transaction) noexcept = 0;

 protected:
  ~TransactionSink() = default;
};

// How much of what it was shown a parser is done with.
struct Consumed {
  size_t bytes = 0;     // from the front; what remains is shown again, with more behind it
  bool finished = false;  // this direction is not the parser's any more (not this protocol, CONNECT, encrypted)
};

}  // namespace sluice

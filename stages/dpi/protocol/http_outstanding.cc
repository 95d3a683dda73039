// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A flow's transactions: from the first line that is read of one until both
// sides have said what belongs to it.
#include <algorithm>
#include <new>

#include "stages/dpi/protocol/http_parser.h"
#include "stages/dpi/protocol/http_views.h"

namespace sluice {

using namespace http;

HttpParser::~HttpParser() {
  for (Side& s : sides_) finish_side(s);
  while (oldest_ != nullptr) {
    HttpTransaction* next = oldest_->next;
    release(oldest_);
    oldest_ = next;
  }
}

void HttpParser::end(TransactionSink& sink) noexcept {
  for (const Direction from : {Direction::Original, Direction::Reply}) {
    side(from).body.finish({sink, from});
    finish_side(side(from));
  }
  while (oldest_ != nullptr) finish(oldest_, sink);
}

// To which transaction the response belongs that begins.
void HttpParser::attach_response(const Call& call) noexcept {
  Side& s = side(call.from);
  if (responses_without_ > 0) {
    --responses_without_;
    return;
  }
  HttpTransaction* waiting = oldest_;
  while (waiting != nullptr && waiting->complete[static_cast<size_t>(Direction::Reply)]) {
    waiting = waiting->next;
  }
  s.transaction = waiting != nullptr ? waiting : add_transaction(call.told.sink);
  if (s.transaction == nullptr) return give_up();
  s.transaction->has_response = true;
  // A request that names no protocol may have ended with its line: now it has.
  const Side& request = side(Direction::Original);
  if (request.state == State::Versionless && request.transaction == s.transaction) {
    message_done({Direction::Original, false, {call.told.sink, Direction::Original}});
  }
}

void HttpParser::give_up() noexcept {
  ++lane_->counters.given_up;
  for (Side& s : sides_) finish_side(s);
}

HttpTransaction* HttpParser::add_transaction(TransactionSink& sink) noexcept {
  if (outstanding_ >= std::max<uint32_t>(lane_->settings.max_outstanding, 1)) {
    ++lane_->counters.outstanding_full;
    HttpTransaction* victim = oldest_;
    victim->truncated = true;
    for (Side& s : sides_) {
      if (s.transaction != victim) continue;
      s.body.abandon();
      s.transaction = nullptr;
    }
    if (!victim->has_response) ++responses_without_;
    finish(victim, sink);
  }
  void* memory = lane_->arena.allocate(sizeof(HttpTransaction));
  if (memory == nullptr) {
    ++lane_->counters.no_memory;
    return nullptr;
  }
  auto* transaction = new (memory) HttpTransaction;
  transaction->protocol = AppProtocol::Http;
  transaction->number = next_number_++;
  ++lane_->counters.transactions;
  ++outstanding_;
  (youngest_ == nullptr ? oldest_ : youngest_->next) = transaction;
  youngest_ = transaction;
  return transaction;
}

void HttpParser::finish(HttpTransaction* transaction, TransactionSink& sink) noexcept {
  for (const Direction from : {Direction::Original, Direction::Reply}) {
    Body::Told{sink, from}(*transaction);
  }
  sink.finished(*transaction);
  HttpTransaction* before = nullptr;
  for (HttpTransaction* t = oldest_; t != transaction; t = t->next) before = t;
  (before == nullptr ? oldest_ : before->next) = transaction->next;
  if (youngest_ == transaction) youngest_ = before;
  --outstanding_;
  release(transaction);
}

void HttpParser::release(HttpTransaction* transaction) noexcept {
  release_bytes(*transaction);
  for (void* window : transaction->windows) {
    if (window != nullptr) arena_free(window);
  }
  arena_free(transaction);
}

void HttpParser::tell(Side& s, const Call& call) noexcept {
  if (s.transaction == nullptr) return;
  call.told(*s.transaction);
  s.body.told();
}

void HttpParser::finish_side(Side& s) noexcept {
  s.body.abandon();
  s.transaction = nullptr;
  s.state = State::Finished;
}

}  // namespace sluice

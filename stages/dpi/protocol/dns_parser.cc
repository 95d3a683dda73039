// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/dns_parser.h"

#include <algorithm>
#include <new>

#include "stages/dpi/byte_reader.h"
#include "stages/dpi/protocol/dns_name.h"
#include "stages/dpi/protocol/dns_records.h"

namespace sluice {

namespace {

constexpr size_t kHeaderSize = 12;
constexpr size_t kShortestQuestion = 5;  // of the root
constexpr size_t kLongestQuestion = DnsName::kMax + 1 + 4;
constexpr uint16_t kResponse = 0x8000;
constexpr uint16_t kTruncated = 0x0200;
constexpr uint16_t kReserved = 0x0040;
// mDNS has a flag in the class's highest bit (RFC 6762 section 18.12).
constexpr uint16_t kClassMask = 0x7fff;

bool is_class(uint16_t value) {
  value &= kClassMask;
  return value == 1 || value == 3 || value == 4 || value == 254 || value == 255;
}

// QUERY, IQUERY, STATUS, NOTIFY, UPDATE.
bool is_opcode(unsigned opcode) {
  return opcode <= 2 || opcode == 4 || opcode == 5;
}

bool skip_record(std::span<const uint8_t> message, size_t& at) {
  if (!skip_dns_name(message, at)) return false;
  ByteReader header(message.subspan(at));
  header.skip(8);
  const size_t length = header.u16();
  if (header.failed() || length > header.left()) return false;
  at += 10 + length;
  return true;
}

}  // namespace

struct DnsParser::Header {
  uint16_t id, flags, questions, answers, authorities, additional;

  explicit Header(std::span<const uint8_t> message) {
    ByteReader reader(message);
    id = reader.u16();
    flags = reader.u16();
    questions = reader.u16();
    answers = reader.u16();
    authorities = reader.u16();
    additional = reader.u16();
  }
  bool is_response() const { return (flags & kResponse) != 0; }
  unsigned opcode() const { return flags >> 11 & 15; }
};

struct DnsParser::Question {
  DnsName name;
  uint16_t type = 0;
  uint16_t question_class = 0;

  bool read(std::span<const uint8_t> message, size_t& at) {
    if (!read_dns_name(message, at, name)) return false;
    ByteReader reader(message.subspan(at));
    type = reader.u16();
    question_class = reader.u16();
    at += 4;
    return !reader.failed();
  }
  bool plausible() const {
    return type != 0 && is_class(question_class) && !name.cut && !is_netbios();
  }
  // NetBIOS's name service has DNS's format, and names of 16 bytes with half a
  // byte in each of 32 letters (RFC 1001 section 14.1).
  bool is_netbios() const {
    constexpr uint16_t kName = 32, kStatus = 33;
    return (type == kName || type == kStatus) && name.size == 32 &&
           name.text().find_first_not_of("ABCDEFGHIJKLMNOP") == std::string_view::npos;
  }
};

DnsParser::~DnsParser() {
  while (oldest_ != nullptr) {
    DnsTransaction* transaction = oldest_;
    unlink(transaction);
    release(transaction);
  }
}

Recognition DnsParser::looks_like(Direction from, std::span<const uint8_t> datagram) noexcept {
  if (datagram.size() < kHeaderSize + kShortestQuestion) return Recognition::No;
  const Header header(datagram);
  if (!is_opcode(header.opcode()) || (header.flags & kReserved) != 0) return Recognition::No;
  if (!header.is_response() && (from == Direction::Reply || header.questions == 0)) {
    return Recognition::No;
  }
  const unsigned records =
      static_cast<unsigned>(header.answers) + header.authorities + header.additional;
  if (header.questions > kMaxQuestions * 4 || records + header.questions == 0) {
    return Recognition::No;
  }
  size_t at = kHeaderSize;
  for (unsigned i = 0; i < header.questions; ++i) {
    Question question;
    if (!question.read(datagram, at) || !question.plausible()) return Recognition::No;
  }
  // A message that says itself that it is cut off may end anywhere behind.
  if ((header.flags & kTruncated) != 0) return Recognition::Yes;
  for (unsigned i = 0; i < records; ++i) {
    if (!skip_record(datagram, at)) return Recognition::No;
  }
  return at == datagram.size() ? Recognition::Yes : Recognition::No;
}

Recognition DnsParser::stream_looks_like(Direction from,
                                         std::span<const uint8_t> beginning) noexcept {
  if (beginning.size() < 2) return Recognition::NeedMore;
  const size_t length = static_cast<size_t>(beginning[0] << 8 | beginning[1]);
  if (length < kHeaderSize + kShortestQuestion) return Recognition::No;
  const auto message = beginning.subspan(2, std::min(length, beginning.size() - 2));
  if (message.size() < kHeaderSize) {
    // Bits that no header has need not wait for the rest of it.
    const bool odd =
        message.size() >= 4 && ((message[3] & kReserved) != 0 || !is_opcode(message[2] >> 3 & 15));
    return odd ? Recognition::No : Recognition::NeedMore;
  }
  const Header header(message);
  if (!is_opcode(header.opcode()) || (header.flags & kReserved) != 0 || header.questions == 0 ||
      header.questions > kMaxQuestions || header.is_response() != (from == Direction::Reply) ||
      header.answers > length / 11 || header.authorities > length / 11 ||
      header.additional > length / 11) {
    return Recognition::No;
  }
  Question question;
  size_t at = kHeaderSize;
  if (question.read(message, at)) {
    return question.plausible() ? Recognition::Yes : Recognition::No;
  }
  return message.size() < std::min(length, kHeaderSize + kLongestQuestion) ? Recognition::NeedMore
                                                                           : Recognition::No;
}

void DnsParser::message(Direction from, std::span<const uint8_t> datagram,
                        TransactionSink& sink) noexcept {
  read(from, datagram, false, sink);
}

Consumed DnsParser::consume(Direction from, std::span<const uint8_t> readable, bool end,
                            TransactionSink& sink) noexcept {
  uint16_t& skip = skip_[static_cast<size_t>(from)];
  size_t at = 0;
  while (at < readable.size()) {
    const auto rest = readable.subspan(at);
    if (skip > 0) {
      const size_t skipped = std::min<size_t>(skip, rest.size());
      skip = static_cast<uint16_t>(skip - skipped);
      at += skipped;
      continue;
    }
    if (rest.size() < 2) break;
    const size_t length = static_cast<size_t>(rest[0] << 8 | rest[1]);
    const size_t there = std::min(length, rest.size() - 2);
    const size_t awaited = std::min(length, kMaxWait);
    if (there < awaited && !end) break;
    // As much of it at every way of cutting the stream.
    const size_t shown = std::min(there, awaited);
    read(from, rest.subspan(2, shown), shown < length, sink);
    skip = static_cast<uint16_t>(length - shown);
    at += 2 + shown;
  }
  if (end) at = readable.size();
  return {at, end};
}

void DnsParser::end(TransactionSink& sink) noexcept {
  while (oldest_ != nullptr) finish(oldest_, sink);
}

void DnsParser::read(Direction from, std::span<const uint8_t> bytes, bool cut,
                     TransactionSink& sink) noexcept {
  if (bytes.size() < kHeaderSize) {
    ++lane_->counters.dns_malformed;
    return;
  }
  const Header header(bytes);
  const bool response = header.is_response();
  const uint32_t questions = std::min<uint32_t>(header.questions, kMaxQuestions);
  if (questions < header.questions) ++lane_->counters.truncated;
  // Records stand behind all questions, of which the last ones are not looked at.
  size_t records_at = kHeaderSize;
  for (uint32_t i = 0; response && i < header.questions; ++i) {
    if (!skip_dns_name(bytes, records_at) || bytes.size() - records_at < 4) {
      records_at = bytes.size();
      break;
    }
    records_at += 4;
  }
  if (response && questions == 0) {
    answered(from, header, nullptr, bytes, records_at, cut, sink);
    return;
  }
  size_t at = kHeaderSize;
  for (uint32_t i = 0; i < questions; ++i) {
    Question question;
    if (!question.read(bytes, at)) {
      if (!cut) ++lane_->counters.dns_malformed;
      return;
    }
    if (response) {
      answered(from, header, &question, bytes, records_at, cut, sink);
    } else {
      asked(from, header, question, sink);
    }
  }
}

void DnsParser::asked(Direction from, const Header& header, const Question& question,
                      TransactionSink& sink) noexcept {
  if (outstanding_ == kMaxOutstanding) {
    ++lane_->counters.dns_outstanding_full;
    finish(oldest_, sink);
  }
  DnsTransaction* transaction = create(from, header, &question);
  if (transaction == nullptr) return;
  ++lane_->counters.dns_queries;
  transaction->has_query = true;
  transaction->query_flags = header.flags;
  const std::string_view name = transaction->name;
  transaction->set(Buffer::DnsQuery, from,
                   {reinterpret_cast<const uint8_t*>(name.data()), name.size()});
  transaction->complete[static_cast<size_t>(from)] = true;
  if (newest_ != nullptr) {
    newest_->next = transaction;
  } else {
    oldest_ = transaction;
  }
  newest_ = transaction;
  ++outstanding_;
  sink.advanced(*transaction, from);
  transaction->fresh[0] = transaction->fresh[1] = 0;
}

void DnsParser::answered(Direction from, const Header& header, const Question* question,
                         std::span<const uint8_t> bytes, size_t records_at, bool cut,
                         TransactionSink& sink) noexcept {
  ++lane_->counters.dns_responses;
  answered_ = true;
  DnsTransaction* transaction = find(opposite(from), header.id, question);
  if (transaction != nullptr) {
    unlink(transaction);
  } else {
    transaction = create(opposite(from), header, question);
    if (transaction == nullptr) return;
    ++lane_->counters.dns_unsolicited;
  }
  transaction->has_response = true;
  transaction->response_flags = header.flags;
  DnsRead result = read_dns_records(bytes, records_at, header.answers, transaction->memory,
                                    lane_->arena, transaction->answers);
  if (result == DnsRead::Whole || result == DnsRead::Bounded) {
    const DnsRead second =
        read_dns_records(bytes, records_at, header.authorities, transaction->memory, lane_->arena,
                         transaction->authorities);
    result = std::max(result, second);
  }
  if (result != DnsRead::Whole || cut) transaction->truncated = true;
  if (result == DnsRead::Bounded) ++lane_->counters.truncated;
  if (result == DnsRead::NoMemory) ++lane_->counters.no_memory;
  // A message that says itself that it is cut off may end in the middle of a record.
  if (result == DnsRead::Malformed && !cut && (header.flags & kTruncated) == 0) {
    ++lane_->counters.dns_malformed;
  }
  transaction->complete[0] = transaction->complete[1] = true;
  sink.advanced(*transaction, from);
  transaction->fresh[0] = transaction->fresh[1] = 0;
  sink.finished(*transaction);
  release(transaction);
}

DnsTransaction* DnsParser::find(Direction asked_by, uint16_t id,
                                const Question* question) noexcept {
  for (DnsTransaction* t = oldest_; t != nullptr; t = t->next) {
    if (t->id != id || t->asked_by != asked_by) continue;
    if (question == nullptr ||
        (t->type == question->type && same_dns_name(t->name, question->name.text()))) {
      return t;
    }
  }
  return nullptr;
}

DnsTransaction* DnsParser::create(Direction asked_by, const Header& header,
                                  const Question* question) noexcept {
  void* memory = lane_->arena.allocate(sizeof(DnsTransaction));
  if (memory == nullptr) {
    ++lane_->counters.no_memory;
    return nullptr;
  }
  auto* transaction = new (memory) DnsTransaction;
  transaction->protocol = AppProtocol::Dns;
  transaction->number = numbers_;
  transaction->asked_by = asked_by;
  transaction->id = header.id;
  if (question != nullptr) {
    transaction->type = question->type;
    transaction->truncated = question->name.cut;
    const std::string_view name = question->name.text();
    const auto kept =
        transaction->memory.copy({reinterpret_cast<const uint8_t*>(name.data()), name.size()},
                                 lane_->arena, DnsTransaction::kMaxText);
    if (kept.data() == nullptr) {
      ++lane_->counters.no_memory;
      release(transaction);
      return nullptr;
    }
    transaction->name = {reinterpret_cast<const char*>(kept.data()), kept.size()};
  }
  ++numbers_;
  return transaction;
}

void DnsParser::unlink(DnsTransaction* transaction) noexcept {
  DnsTransaction* before = nullptr;
  for (DnsTransaction* t = oldest_; t != transaction; t = t->next) before = t;
  (before != nullptr ? before->next : oldest_) = transaction->next;
  if (newest_ == transaction) newest_ = before;
  transaction->next = nullptr;
  --outstanding_;
}

void DnsParser::finish(DnsTransaction* transaction, TransactionSink& sink) noexcept {
  unlink(transaction);
  transaction->complete[0] = transaction->complete[1] = true;
  sink.finished(*transaction);
  release(transaction);
}

void DnsParser::release(DnsTransaction* transaction) noexcept {
  transaction->memory.release();
  arena_free(transaction);
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/dns_records.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <new>

#include "stages/dpi/byte_reader.h"
#include "stages/dpi/protocol/dns_name.h"

namespace sluice {

namespace {

enum Type : uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kSrv = 33,
  kDname = 39,
};

constexpr size_t kRecordHeader = 10;  // type, class, time to live, length

// Records and text together.
constexpr size_t kLimit =
    DnsTransaction::kMaxText + 2 * DnsTransaction::kMaxRecords * sizeof(DnsRecord) + 512;

// Data of a record written out, in room on the stack.
class DataText {
 public:
  void put(std::string_view text) {
    const size_t taken = std::min(text.size(), text_.size() - size_);
    std::copy_n(text.begin(), taken, text_.begin() + size_);
    size_ += taken;
    cut_ = cut_ || taken < text.size();
  }
  void put(std::span<const uint8_t> bytes) {
    put(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  void number(uint32_t value) {
    char digits[10];
    const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
    put(std::string_view(digits, static_cast<size_t>(end - digits)));
  }
  void clear() {
    size_ = 0;
    cut_ = false;
  }
  bool cut() const { return cut_; }
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 2048> text_;
  size_t size_ = 0;
  bool cut_ = false;
};

bool put_address(int family, std::span<const uint8_t> bytes, DataText& out) {
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(family, bytes.data(), text, sizeof(text)) == nullptr) return false;
  out.put(std::string_view(text));
  return true;
}

bool put_name(std::span<const uint8_t> message, size_t& at, DataText& out) {
  DnsName name;
  if (!read_dns_name(message, at, name)) return false;
  out.put(name.text());
  return true;
}

bool put_soa(std::span<const uint8_t> message, size_t at, DataText& out) {
  if (!put_name(message, at, out)) return false;
  out.put(" ");
  if (!put_name(message, at, out)) return false;
  ByteReader numbers(message.subspan(at));
  for (int i = 0; i < 5; ++i) {
    out.put(" ");
    out.number(numbers.u32());
  }
  return !numbers.failed();
}

bool put_txt(std::span<const uint8_t> data, DataText& out) {
  ByteReader strings(data);
  while (strings.left() > 0) out.put(strings.take(strings.u8()));
  return !strings.failed();
}

// `message` ends with the record.
bool put_data(uint16_t type, std::span<const uint8_t> message, size_t at, DataText& out) {
  const auto data = message.subspan(at);
  switch (type) {
    case kA:
      return data.size() == 4 && put_address(AF_INET, data, out);
    case kAaaa:
      return data.size() == 16 && put_address(AF_INET6, data, out);
    case kNs:
    case kCname:
    case kPtr:
    case kDname:
      return put_name(message, at, out);
    case kMx:
      at += 2;
      return data.size() > 2 && put_name(message, at, out);
    case kTxt:
      return put_txt(data, out);
    case kSoa:
      return put_soa(message, at, out);
    case kSrv: {
      ByteReader numbers(data);
      for (int i = 0; i < 3; ++i) {
        out.number(numbers.u16());
        out.put(" ");
      }
      at += 6;
      return !numbers.failed() && put_name(message, at, out);
    }
    default:
      return true;
  }
}

bool keep(std::string_view text, TransactionMemory& memory, Arena& arena, std::string_view& to) {
  if (text.empty()) return true;
  const auto kept =
      memory.copy({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, arena, kLimit);
  to = {reinterpret_cast<const char*>(kept.data()), kept.size()};
  return kept.data() != nullptr;
}

}  // namespace

DnsRead read_dns_records(std::span<const uint8_t> message, size_t& at, uint32_t count,
                         TransactionMemory& memory, Arena& arena,
                         std::span<const DnsRecord>& records) noexcept {
  if (count == 0) return DnsRead::Whole;
  // As many as there can be: the shortest record has eleven bytes.
  const uint32_t possible = static_cast<uint32_t>((message.size() - at) / (1 + kRecordHeader));
  const uint32_t room = std::min({count, possible, DnsTransaction::kMaxRecords});
  auto* kept = static_cast<DnsRecord*>(memory.allocate(room * sizeof(DnsRecord), arena, kLimit));
  if (kept == nullptr) return DnsRead::NoMemory;
  DnsRead result = count > DnsTransaction::kMaxRecords ? DnsRead::Bounded : DnsRead::Whole;
  DnsName name;
  DataText data;
  for (uint32_t i = 0; i < count; ++i) {
    const bool kept_one = i < room;
    if (kept_one ? !read_dns_name(message, at, name) : !skip_dns_name(message, at)) {
      return DnsRead::Malformed;
    }
    ByteReader header(message.subspan(at));
    DnsRecord record;
    record.type = header.u16();
    record.record_class = header.u16();
    record.ttl = header.u32();
    const size_t length = header.u16();
    if (header.failed() || length > header.left()) return DnsRead::Malformed;
    const size_t data_at = at + kRecordHeader;
    at = data_at + length;
    if (!kept_one) continue;
    data.clear();
    if (!put_data(record.type, message.first(at), data_at, data)) data.clear();
    if (data.cut() || name.cut) result = DnsRead::Bounded;
    if (!memory.fits(name.size + data.text().size(), kLimit)) return DnsRead::Bounded;
    if (!keep(name.text(), memory, arena, record.name) ||
        !keep(data.text(), memory, arena, record.data)) {
      return DnsRead::NoMemory;
    }
    new (&kept[i]) DnsRecord(record);
    records = {kept, i + 1};
  }
  return result;
}

}  // namespace sluice

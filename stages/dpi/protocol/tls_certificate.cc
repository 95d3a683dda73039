// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/tls_certificate.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "stages/dpi/protocol/der_reader.h"

namespace sluice {

namespace {

constexpr uint8_t kVersionTag = 0xa0;
constexpr uint8_t kIssuerIdTag = 0x81;
constexpr uint8_t kSubjectIdTag = 0x82;
constexpr uint8_t kExtensionsTag = 0xa3;

// 2.5.29.17
constexpr uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};

bool same(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// Digits of a time, two at a time.
class Digits {
 public:
  explicit Digits(std::span<const uint8_t> text) : rest_(text) {}
  bool more() const { return rest_.size() >= 2 && digit(0) && digit(1); }
  int two() {
    if (!more()) {
      failed_ = true;
      return 0;
    }
    const int value = (rest_[0] - '0') * 10 + (rest_[1] - '0');
    rest_ = rest_.subspan(2);
    return value;
  }
  char one() {
    if (rest_.empty()) return '\0';
    const char c = static_cast<char>(rest_.front());
    rest_ = rest_.subspan(1);
    return c;
  }
  char peek() const { return rest_.empty() ? '\0' : static_cast<char>(rest_.front()); }
  bool failed() const { return failed_; }

 private:
  bool digit(size_t i) const { return rest_[i] >= '0' && rest_[i] <= '9'; }
  std::span<const uint8_t> rest_;
  bool failed_ = false;
};

// UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5); 0 for what is none.
int64_t seconds(const DerElement& time) {
  Digits digits(time.content);
  int year = digits.two();
  if (time.tag == DerReader::kGeneralizedTime) {
    year = year * 100 + digits.two();
  } else if (time.tag == DerReader::kUtcTime) {
    year += year >= 50 ? 1900 : 2000;
  } else {
    return 0;
  }
  const int month = digits.two(), day = digits.two(), hour = digits.two(), minute = digits.two();
  const int second = digits.more() ? digits.two() : 0;
  if (digits.peek() == '.') {
    digits.one();
    while (digits.peek() >= '0' && digits.peek() <= '9') digits.one();
  }
  int offset = 0;
  if (const char zone = digits.one(); zone == '+' || zone == '-') {
    offset = digits.two() * 60 + digits.two();
    if (zone == '-') offset = -offset;
  } else if (zone != 'Z') {
    return 0;
  }
  if (digits.failed() || hour > 23 || minute > 59 || second > 60) return 0;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return 0;
  const int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
}

class Text {
 public:
  explicit Text(std::span<char> out) : out_(out) {}
  void put(char c) {
    if (size_ < out_.size()) out_[size_++] = c;
  }
  void put(std::string_view text) {
    for (const char c : text) put(c);
  }
  void number(uint64_t value) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
    put(std::string_view(digits, static_cast<size_t>(end - digits)));
  }
  // A code point in UTF-8, whole or not at all.
  void code_point(uint32_t c) {
    char bytes[4];
    size_t n = 0;
    if (c < 0x80) {
      bytes[n++] = static_cast<char>(c);
    } else if (c < 0x800) {
      bytes[n++] = static_cast<char>(0xc0 | c >> 6);
    } else if (c < 0x10000) {
      bytes[n++] = static_cast<char>(0xe0 | c >> 12);
    } else {
      bytes[n++] = static_cast<char>(0xf0 | (c >> 18 & 7));
      bytes[n++] = static_cast<char>(0x80 | (c >> 12 & 63));
    }
    if (c >= 0x800) bytes[n++] = static_cast<char>(0x80 | (c >> 6 & 63));
    if (c >= 0x80) bytes[n++] = static_cast<char>(0x80 | (c & 63));
    // Not half of one: the text ends here.
    if (out_.size() - size_ < n) out_ = out_.first(size_);
    put(std::string_view(bytes, n));
  }
  size_t size() const { return size_; }

 private:
  std::span<char> out_;
  size_t size_ = 0;
};

struct Attribute {
  std::string_view id;  // the OBJECT IDENTIFIER's content
  std::string_view name;
};

using namespace std::string_view_literals;

// Types of attributes in names, under the names by which Suricata logs them.
constexpr Attribute kAttributes[] = {
    {"\x55\x04\x03"sv, "CN"},
    {"\x55\x04\x04"sv, "surname"},
    {"\x55\x04\x05"sv, "serialNumber"},
    {"\x55\x04\x06"sv, "C"},
    {"\x55\x04\x07"sv, "L"},
    {"\x55\x04\x08"sv, "ST"},
    {"\x55\x04\x09"sv, "streetAddress"},
    {"\x55\x04\x0a"sv, "O"},
    {"\x55\x04\x0b"sv, "OU"},
    {"\x55\x04\x0c"sv, "title"},
    {"\x55\x04\x0d"sv, "description"},
    {"\x55\x04\x0f"sv, "businessCategory"},
    {"\x55\x04\x10"sv, "postalAddress"},
    {"\x55\x04\x11"sv, "postalCode"},
    {"\x55\x04\x12"sv, "postOfficeBox"},
    {"\x55\x04\x14"sv, "telephoneNumber"},
    {"\x55\x04\x29"sv, "name"},
    {"\x55\x04\x2a"sv, "givenName"},
    {"\x55\x04\x2b"sv, "initials"},
    {"\x55\x04\x2c"sv, "generationQualifier"},
    {"\x55\x04\x2d"sv, "x500UniqueIdentifier"},
    {"\x55\x04\x2e"sv, "dnQualifier"},
    {"\x55\x04\x41"sv, "pseudonym"},
    {"\x55\x04\x61"sv, "organizationIdentifier"},
    {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"sv, "UID"},
    {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"sv, "DC"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"sv, "Email"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02"sv, "unstructuredName"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x08"sv, "unstructuredAddress"},
    {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01"sv, "msJurisdictionLocality"},
    {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02"sv, "msJurisdictionStateOrProvince"},
    {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03"sv, "msJurisdictionCountry"},
};

// "1.2.840.113549"
void put_dotted(std::span<const uint8_t> id, Text& out) {
  bool first = true;
  uint64_t value = 0;
  for (const uint8_t byte : id) {
    value = value << 7 | (byte & 0x7f);
    if ((byte & 0x80) != 0) continue;
    if (first) {
      const uint64_t root = std::min<uint64_t>(value / 40, 2);
      out.number(root);
      value -= root * 40;
    }
    first = false;
    out.put('.');
    out.number(value);
    value = 0;
  }
}

void put_type(std::span<const uint8_t> id, Text& out) {
  const std::string_view bytes(reinterpret_cast<const char*>(id.data()), id.size());
  const auto* known = std::find_if(std::begin(kAttributes), std::end(kAttributes),
                                   [&](const Attribute& a) { return a.id == bytes; });
  if (known != std::end(kAttributes)) {
    out.put(known->name);
  } else {
    put_dotted(id, out);
  }
}

// By type of string (X.680): in UTF-8, the wide ones and Latin-1 turned into it.
void put_value(const DerElement& value, Text& out) {
  constexpr uint8_t kTeletex = 0x14, kUniversal = 0x1c, kBmp = 0x1e;
  const auto bytes = value.content;
  switch (value.tag) {
    case kTeletex:
      for (const uint8_t byte : bytes) out.code_point(byte);
      break;
    case kBmp:
      for (size_t i = 0; i + 2 <= bytes.size(); i += 2) {
        out.code_point(static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]));
      }
      break;
    case kUniversal:
      for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
        out.code_point((static_cast<uint32_t>(bytes[i]) << 24 | bytes[i + 1] << 16 |
                        bytes[i + 2] << 8 | bytes[i + 3]) &
                       0x1fffff);
      }
      break;
    default:
      out.put(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
      break;
  }
}

size_t hex_text(std::span<const uint8_t> bytes, const char* digits, std::span<char> out) {
  Text text(out);
  bool first = true;
  for (const uint8_t byte : bytes) {
    if (!first) text.put(':');
    first = false;
    text.put(digits[byte >> 4]);
    text.put(digits[byte & 15]);
  }
  return text.size();
}

void read_extensions(DerReader list, TlsCertificate& certificate) {
  DerReader extensions(list.next_if(DerReader::kSequence).content);
  while (!extensions.empty()) {
    DerReader extension(extensions.next_if(DerReader::kSequence).content);
    const DerElement id = extension.next_if(DerReader::kObjectId);
    if (id.tag == 0) return;
    extension.next_if(DerReader::kBoolean);
    const DerElement value = extension.next_if(DerReader::kOctetString);
    if (certificate.alt_names.data() == nullptr && same(id.content, kSubjectAltName)) {
      certificate.alt_names = DerReader(value.content).next_if(DerReader::kSequence).content;
    }
  }
}

}  // namespace

bool parse_tls_certificate(std::span<const uint8_t> der, TlsCertificate& certificate) noexcept {
  certificate = {};
  DerReader outer(der);
  DerReader signed_part(outer.expect(DerReader::kSequence).content);
  DerReader fields(signed_part.expect(DerReader::kSequence).content);
  signed_part.expect(DerReader::kSequence);
  signed_part.expect(DerReader::kBitString);
  if (outer.failed() || signed_part.failed()) return false;

  fields.next_if(kVersionTag);
  certificate.serial = fields.expect(DerReader::kInteger).content;
  fields.expect(DerReader::kSequence);  // signature algorithm
  certificate.issuer = fields.expect(DerReader::kSequence).content;
  DerReader validity(fields.expect(DerReader::kSequence).content);
  certificate.not_before = seconds(validity.next());
  certificate.not_after = seconds(validity.next());
  certificate.subject = fields.expect(DerReader::kSequence).content;
  fields.expect(DerReader::kSequence);  // public key
  if (fields.failed()) return false;
  fields.next_if(kIssuerIdTag);
  fields.next_if(kSubjectIdTag);
  read_extensions(DerReader(fields.next_if(kExtensionsTag).content), certificate);
  return true;
}

size_t tls_name_text(std::span<const uint8_t> name, std::span<char> out) noexcept {
  Text text(out);
  bool first = true;
  DerReader sets(name);
  while (!sets.empty()) {
    const DerElement set = sets.next();
    if (set.tag != DerReader::kSet) break;
    DerReader attributes(set.content);
    // Attributes of one set stand beside one another: "CN=a + OU=b".
    std::string_view between = first ? "" : ", ";
    while (!attributes.empty()) {
      DerReader attribute(attributes.next().content);
      const DerElement type = attribute.next_if(DerReader::kObjectId);
      const DerElement value = attribute.next();
      if (type.tag == 0 || value.tag == 0) break;
      text.put(between);
      put_type(type.content, text);
      text.put('=');
      put_value(value, text);
      between = " + ";
      first = false;
    }
  }
  return text.size();
}

size_t tls_serial_text(std::span<const uint8_t> serial, std::span<char> out) noexcept {
  return hex_text(serial, "0123456789ABCDEF", out);
}

size_t tls_fingerprint_text(const ProtocolCrypto::Sha1& digest, std::span<char> out) noexcept {
  return hex_text(digest, "0123456789abcdef", out);
}

bool next_tls_alt_name(std::span<const uint8_t>& alt_names, std::array<char, 48>& room,
                       std::string_view& name) noexcept {
  constexpr uint8_t kMail = 0x81, kDns = 0x82, kUri = 0x86, kAddress = 0x87;
  while (!alt_names.empty()) {
    DerReader reader(alt_names);
    const DerElement element = reader.next();
    if (element.tag == 0) break;
    alt_names = alt_names.subspan(element.whole.size());
    const auto content = element.content;
    if (element.tag == kMail || element.tag == kDns || element.tag == kUri) {
      name = {reinterpret_cast<const char*>(content.data()), content.size()};
      return true;
    }
    const bool v4 = content.size() == 4;
    if (element.tag == kAddress && (v4 || content.size() == 16)) {
      if (inet_ntop(v4 ? AF_INET : AF_INET6, content.data(), room.data(), room.size()) != nullptr) {
        name = room.data();
        return true;
      }
    }
  }
  alt_names = {};
  return false;
}

}  // namespace sluice

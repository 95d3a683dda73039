// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Messages as they stand on the wire, for tests of dpi.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::test {

class WireText {
 public:
  WireText& u8(unsigned value) {
    text_.push_back(static_cast<char>(value));
    return *this;
  }
  WireText& u16(unsigned value) { return u8(value >> 8 & 0xff).u8(value & 0xff); }
  WireText& text(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  // `body` behind its length.
  WireText& vector8(std::string_view body) { return u8(unsigned(body.size())).text(body); }
  WireText& vector16(std::string_view body) { return u16(unsigned(body.size())).text(body); }

  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

inline std::string tls_extension(unsigned type, std::string_view body) {
  return WireText().u16(type).vector16(body).str();
}

inline std::string server_name_extension(std::string_view name) {
  const std::string entry = WireText().u8(0).vector16(name).str();
  return tls_extension(0, WireText().vector16(entry).str());
}

inline std::string alpn_extension(const std::vector<std::string>& protocols) {
  WireText list;
  for (const std::string& protocol : protocols) list.vector8(protocol);
  return tls_extension(16, WireText().vector16(list.str()).str());
}

inline std::string handshake_record(unsigned type, std::string_view body) {
  const std::string message = WireText().u8(type).u8(0).vector16(body).str();
  return WireText().u8(22).u16(0x0301).vector16(message).str();
}

inline std::string client_hello(std::string_view extensions, unsigned version = 0x0303) {
  WireText body;
  body.u16(version).text(std::string(32, 'r')).vector8("");
  body.vector16(WireText().u16(0x1301).u16(0xc02f).str()).vector8(std::string(1, '\0'));
  body.vector16(extensions);
  return handshake_record(1, body.str());
}

inline std::string server_hello(std::string_view extensions, unsigned version = 0x0303) {
  WireText body;
  body.u16(version).text(std::string(32, 'R')).vector8("").u16(0x1301).u8(0).vector16(extensions);
  return handshake_record(2, body.str());
}

inline std::string dns_query(const std::vector<std::string>& labels, unsigned type = 1,
                             unsigned flags = 0x0100) {
  WireText message;
  message.u16(0x1234).u16(flags).u16(1).u16(0).u16(0).u16(0);
  for (const std::string& label : labels) message.vector8(label);
  return message.u8(0).u16(type).u16(1).str();
}

}  // namespace sluice::test

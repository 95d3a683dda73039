// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/keyword_table.h"

#include <algorithm>
#include <unordered_map>

namespace sluice::rules {
namespace {

// Suricata's, for protocols that Sluice does not decode, for files, scripts and data sets, for
// other engines. Whole families by their beginning.
constexpr std::string_view kElsewhere[] = {"absent",
                                           "app-layer-event",
                                           "asn1",
                                           "base64_data",
                                           "base64_decode",
                                           "bypass",
                                           "config",
                                           "content_inspection",
                                           "dataset",
                                           "datarep",
                                           "decode-event",
                                           "engine-event",
                                           "entropy",
                                           "filemagic",
                                           "filemd5",
                                           "filename",
                                           "filesha1",
                                           "filesha256",
                                           "filesize",
                                           "filestore",
                                           "fileext",
                                           "flow.age",
                                           "flow.bytes",
                                           "flow.pkts",
                                           "flow.bytes_toclient",
                                           "flow.bytes_toserver",
                                           "flow.pkts_toclient",
                                           "flow.pkts_toserver",
                                           "flow.elephant",
                                           "flowvar",
                                           "frame",
                                           "from_base64",
                                           "geoip",
                                           "hostbits",
                                           "http_frame",
                                           "icmpv6.mtu",
                                           "igmp.hdr",
                                           "igmp.type",
                                           "ip.dst",
                                           "ip.src",
                                           "ip.proto",
                                           "ipv4-csum",
                                           "icmpv4-csum",
                                           "icmpv6-csum",
                                           "tcpv4-csum",
                                           "tcpv6-csum",
                                           "udpv4-csum",
                                           "udpv6-csum",
                                           "ipgeo",
                                           "iprep",
                                           "ipaddr",
                                           "krb5_cname",
                                           "krb5_err_code",
                                           "krb5_msg_type",
                                           "krb5_sname",
                                           "l3_proto",
                                           "lua",
                                           "luajit",
                                           "luaxform",
                                           "modbus",
                                           "netbios",
                                           "nfq_set_mark",
                                           "nfs_procedure",
                                           "nfs_version",
                                           "pcrexform",
                                           "pkt_data_only",
                                           "pktvar",
                                           "priority_group",
                                           "requires",
                                           "replace",
                                           "stream-event",
                                           "subslice",
                                           "tag",
                                           "tls.store",
                                           "tls.cert_chain_len",
                                           "tls_cert_expired",
                                           "tls_cert_notafter",
                                           "tls_cert_notbefore",
                                           "tls_cert_valid",
                                           "tls.certvalid",
                                           "tos",
                                           "tcp.wscale",
                                           "urldecode",
                                           "uriencode",
                                           "vlan.id",
                                           "vlan.layers",
                                           "xor",
                                           "within_seconds",
                                           "rpc",
                                           "ja3s_hash",
                                           "ja3s_string"};
constexpr std::string_view kFamiliesElsewhere[] = {
    "bittorrent", "cip_",    "dce_",     "dcerpc.", "dhcp.",     "dnp3",      "dns.",
    "email.",     "enip",    "file.",    "ftp.",    "ftpbounce", "ftpdata",   "http2.",
    "ike.",       "imap.",   "krb5.",    "ldap.",   "llmnr.",    "mdns.",     "mime.",
    "mqtt.",      "mysql.",  "ndpi-",    "nfs.",    "ntp.",      "pgsql.",    "pop3.",
    "quic.",      "rdp.",    "rfb.",     "sip.",    "smb.",      "smtp.",     "snmp.",
    "ssh.",       "telnet.", "template", "tftp.",   "tls.",      "websocket."};

struct Table {
  std::unordered_map<std::string_view, const Keyword*> keywords;
  std::unordered_map<std::string_view, const BufferKeyword*> buffers;
  std::unordered_map<std::string_view, const TransformKeyword*> transforms;
  std::vector<std::string> names{"pkt_data"};

  Table() {
    for (const auto& group :
         {meta_keywords(), content_keywords(), pcre_keywords(), bytes_keywords(), flow_keywords(),
          state_keywords(), packet_keywords()}) {
      for (const Keyword& keyword : group) add(keywords, keyword);
    }
    for (const BufferKeyword& buffer : buffer_keywords()) add(buffers, buffer);
    for (const TransformKeyword& transform : transform_keywords()) add(transforms, transform);
    std::sort(names.begin(), names.end());
  }

  template <typename Map, typename Entry>
  void add(Map& map, const Entry& entry) {
    map.emplace(entry.name, &entry);
    names.emplace_back(entry.name);
  }
};

const Table& table() {
  static const Table kTable;
  return kTable;
}

template <typename Map>
auto find_in(const Map& map, std::string_view name) -> typename Map::mapped_type {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : found->second;
}

void read_buffer(RuleBuilder& rule, const BufferKeyword& buffer) {
  if (buffer.form == BufferKeyword::Form::Modifier) {
    rule.move_content(buffer);
    return;
  }
  if (buffer.buffer <= Buffer::Icmpv6Header) rule.packet_test();
  rule.make_sticky(buffer);
}

// What was meant, or "". A file may have any number of unknown words of any
// length: only names of about that length are compared.
std::string keyword_like(std::string_view name) {
  static constexpr size_t kSlack = 2;
  std::vector<std::string> candidates;
  for (const std::string& known : table().names) {
    if (known.size() <= name.size() + kSlack && name.size() <= known.size() + kSlack) {
      candidates.push_back(known);
    }
  }
  return std::string(nearest(name, candidates));
}

void refuse_value(const RuleValue& value, bool has_value) {
  if (has_value && !value.empty()) refuse(value, "no value");
}

}  // namespace

const Keyword* find_keyword(std::string_view name) {
  return find_in(table().keywords, name);
}
const BufferKeyword* find_buffer_keyword(std::string_view name) {
  return find_in(table().buffers, name);
}
const TransformKeyword* find_transform_keyword(std::string_view name) {
  return find_in(table().transforms, name);
}
bool is_known_elsewhere(std::string_view name) {
  const auto begins = [&](std::string_view family) { return name.starts_with(family); };
  return std::find(std::begin(kElsewhere), std::end(kElsewhere), name) != std::end(kElsewhere) ||
         std::any_of(std::begin(kFamiliesElsewhere), std::end(kFamiliesElsewhere), begins);
}

void read_option(RuleBuilder& rule, const RuleValue& keyword, const RuleValue& value,
                 bool has_value) {
  rule.begin_keyword(keyword);
  const std::string_view name = keyword.text;
  if (const Keyword* known = find_keyword(name)) {
    if (known->value == Keyword::Value::None) refuse_value(value, has_value);
    if (known->value == Keyword::Value::Needed && value.empty()) refuse(value, "a value");
    known->read(rule, value);
  } else if (const BufferKeyword* buffer = find_buffer_keyword(name)) {
    refuse_value(value, has_value);
    read_buffer(rule, *buffer);
  } else if (const TransformKeyword* transform = find_transform_keyword(name)) {
    refuse_value(value, has_value);
    rule.add_transform(transform->transform);
  } else if (name == "pkt_data") {
    refuse_value(value, has_value);
    rule.leave_sticky();
  } else if (is_known_elsewhere(name)) {
    refuse_unsupported(keyword, "keyword " + quoted(name), "keywords that Sluice evaluates");
  } else {
    const std::string near = keyword_like(name);
    refuse_unsupported(
        keyword, "keyword " + quoted(name),
        near.empty() ? "keywords that Sluice evaluates" : "did you mean " + quoted(near) + "?");
  }
}

}  // namespace sluice::rules

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/acl.h"

#include <rte_errno.h>

#include <atomic>
#include <cstdio>
#include <cstring>

#include "chain/burst.h"

namespace sluice::firewall {

namespace {

constexpr unsigned kIpv4Fields = 5;
constexpr unsigned kIpv6Fields = 11;

constexpr unsigned fields_of(uint8_t family) {
  return family == kFamilyIpv4 ? kIpv4Fields : kIpv6Fields;
}

// rte_acl walks the key in words of four bytes behind the first byte; fields
// that share a word share its input index.
void define_fields(uint8_t family, rte_acl_config& config) {
  const unsigned words = family == kFamilyIpv4 ? 1 : 4;
  uint8_t field = 0;
  uint8_t input = 0;
  const auto define = [&](uint8_t type, uint8_t size, size_t offset, bool next_word) {
    if (next_word) ++input;
    config.defs[field] = {type, size, field, input, static_cast<uint32_t>(offset)};
    ++field;
  };
  define(RTE_ACL_FIELD_TYPE_BITMASK, 1, offsetof(AclKey, proto), false);
  for (unsigned i = 0; i < words; ++i) {
    define(RTE_ACL_FIELD_TYPE_MASK, 4, offsetof(AclKey, from) + 4 * i, true);
  }
  for (unsigned i = 0; i < words; ++i) {
    define(RTE_ACL_FIELD_TYPE_MASK, 4, offsetof(AclKey, to) + 4 * i, true);
  }
  define(RTE_ACL_FIELD_TYPE_RANGE, 2, offsetof(AclKey, from_port), true);
  define(RTE_ACL_FIELD_TYPE_RANGE, 2, offsetof(AclKey, port), false);
  config.num_fields = field;
}

void fill_prefix(uint8_t family, const IpPrefix* prefix, rte_acl_field*& field) {
  const unsigned words = family == kFamilyIpv4 ? 1 : 4;
  for (unsigned i = 0; i < words; ++i, ++field) {
    field->value.u64 = 0;
    field->mask_range.u64 = 0;
    if (prefix == nullptr) continue;
    const uint8_t* b = prefix->address.bytes.data() + 4 * i;
    field->value.u32 = static_cast<uint32_t>(b[0]) << 24 | static_cast<uint32_t>(b[1]) << 16 |
                       static_cast<uint32_t>(b[2]) << 8 | b[3];
    const int bits = static_cast<int>(prefix->length) - static_cast<int>(32 * i);
    field->mask_range.u32 = bits <= 0 ? 0 : bits >= 32 ? 32 : static_cast<uint32_t>(bits);
  }
}

void fill_range(PortRange range, rte_acl_field*& field) {
  field->value.u64 = range.first;
  field->mask_range.u64 = range.last;
  ++field;
}

}  // namespace

AclKey acl_key(const Flow& flow) noexcept {
  AclKey key;
  key.proto = flow.key.proto;
  std::memset(key.padding, 0, sizeof(key.padding));
  std::memcpy(key.from, flow.address(Direction::Original).data(), sizeof(key.from));
  std::memcpy(key.to, flow.address(Direction::Reply).data(), sizeof(key.to));
  key.from_port = flow.port_be(Direction::Original);
  key.port = flow.port_be(Direction::Reply);
  return key;
}

Acl::~Acl() {
  rte_acl_free(context_);
}

void Acl::add(const AclEntry& entry) {
  const size_t words = RTE_ACL_RULE_SZ(fields_of(family_)) / sizeof(uint64_t);
  static_assert(RTE_ACL_RULE_SZ(kIpv4Fields) % sizeof(uint64_t) == 0);
  static_assert(RTE_ACL_RULE_SZ(kIpv6Fields) % sizeof(uint64_t) == 0);
  pending_.resize(pending_.size() + words);
  auto* rule = reinterpret_cast<rte_acl_rule*>(pending_.data() + pending_.size() - words);
  rule->data.category_mask = 1U << entry.category;
  rule->data.priority = static_cast<int32_t>(entry.priority);
  rule->data.userdata = entry.userdata;
  rte_acl_field* field = rule->field;
  field->value.u8 = entry.proto < 0 ? 0 : static_cast<uint8_t>(entry.proto);
  field->mask_range.u8 = entry.proto < 0 ? 0 : 0xff;
  ++field;
  fill_prefix(family_, entry.from, field);
  fill_prefix(family_, entry.to, field);
  fill_range(entry.from_port, field);
  fill_range(entry.port, field);
  ++entries_;
}

bool Acl::build(unsigned categories, int socket_id, std::string& error) {
  if (entries_ == 0) return true;
  // A name that exists would silently give the older context.
  static std::atomic<uint32_t> number{0};
  char name[RTE_ACL_NAMESIZE];
  std::snprintf(name, sizeof(name), "firewall_%u", number.fetch_add(1));

  rte_acl_param param{};
  param.name = name;
  param.socket_id = socket_id;
  param.rule_size = static_cast<uint32_t>(RTE_ACL_RULE_SZ(fields_of(family_)));
  param.max_rule_num = static_cast<uint32_t>(entries_);
  context_ = rte_acl_create(&param);
  if (context_ == nullptr) {
    error = std::string("rte_acl_create: ") + rte_strerror(rte_errno);
    return false;
  }
  int rc = rte_acl_add_rules(context_, reinterpret_cast<const rte_acl_rule*>(pending_.data()),
                             static_cast<uint32_t>(entries_));
  if (rc == 0) {
    rte_acl_config config{};
    constexpr unsigned kStep = RTE_ACL_RESULTS_MULTIPLIER;
    categories_ = categories == 1 ? 1 : (categories + kStep - 1) / kStep * kStep;
    config.num_categories = categories_;
    define_fields(family_, config);
    rc = rte_acl_build(context_, &config);
    // Tries that don't fit are split into more, smaller and slower ones.
    for (size_t mib = 256; rc == -ENOMEM && mib >= 4; mib /= 4) {
      config.max_size = mib << 20;
      rc = rte_acl_build(context_, &config);
    }
  }
  pending_ = {};
  if (rc == 0) return true;
  rte_acl_free(context_);
  context_ = nullptr;
  error = "rte_acl: " + std::to_string(entries_) + " entries: " + rte_strerror(-rc);
  return false;
}

void Acl::classify(const AclKey* keys, unsigned n, uint32_t* results) const noexcept {
  const uint8_t* data[Burst::kCapacity];
  for (unsigned i = 0; i < n; ++i) data[i] = reinterpret_cast<const uint8_t*>(keys + i);
  rte_acl_classify(context_, data, results, n, categories_);
}

}  // namespace sluice::firewall

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <algorithm>
#include <iterator>

#include "stages/dpi/protocol/dns_transaction.h"

namespace sluice {

namespace {

struct Named {
  uint16_t number;
  std::string_view name;
};

// https://www.iana.org/assignments/dns-parameters, sorted by number.
constexpr Named kTypes[] = {
    {1, "A"},       {2, "NS"},      {3, "MD"},        {4, "MF"},          {5, "CNAME"},
    {6, "SOA"},     {7, "MB"},      {8, "MG"},        {9, "MR"},          {10, "NULL"},
    {11, "WKS"},    {12, "PTR"},    {13, "HINFO"},    {14, "MINFO"},      {15, "MX"},
    {16, "TXT"},    {17, "RP"},     {18, "AFSDB"},    {19, "X25"},        {20, "ISDN"},
    {21, "RT"},     {22, "NSAP"},   {23, "NSAPPTR"},  {24, "SIG"},        {25, "KEY"},
    {26, "PX"},     {27, "GPOS"},   {28, "AAAA"},     {29, "LOC"},        {30, "NXT"},
    {33, "SRV"},    {34, "ATMA"},   {35, "NAPTR"},    {36, "KX"},         {37, "CERT"},
    {38, "A6"},     {39, "DNAME"},  {40, "SINK"},     {41, "OPT"},        {42, "APL"},
    {43, "DS"},     {44, "SSHFP"},  {45, "IPSECKEY"}, {46, "RRSIG"},      {47, "NSEC"},
    {48, "DNSKEY"}, {49, "DHCID"},  {50, "NSEC3"},    {51, "NSEC3PARAM"}, {52, "TLSA"},
    {53, "SMIMEA"}, {55, "HIP"},    {59, "CDS"},      {60, "CDNSKEY"},    {61, "OPENPGPKEY"},
    {62, "CSYNC"},  {63, "ZONEMD"}, {64, "SVCB"},     {65, "HTTPS"},      {99, "SPF"},
    {108, "EUI48"}, {109, "EUI64"}, {249, "TKEY"},    {250, "TSIG"},      {251, "IXFR"},
    {252, "AXFR"},  {253, "MAILB"}, {254, "MAILA"},   {255, "ANY"},       {256, "URI"},
    {257, "CAA"},   {32768, "TA"},  {32769, "DLV"},
};
static_assert(std::is_sorted(std::begin(kTypes), std::end(kTypes),
                             [](const Named& a, const Named& b) { return a.number < b.number; }));

constexpr std::string_view kRcodes[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                        "NXRRSET", "NOTAUTH", "NOTZONE"};

}  // namespace

std::string_view dns_rrtype_name(uint16_t type) noexcept {
  const auto* found =
      std::lower_bound(std::begin(kTypes), std::end(kTypes), type,
                       [](const Named& named, uint16_t number) { return named.number < number; });
  return found != std::end(kTypes) && found->number == type ? found->name : "";
}

std::string_view dns_rcode_name(uint8_t rcode) noexcept {
  return rcode < std::size(kRcodes) ? kRcodes[rcode] : "";
}

}  // namespace sluice

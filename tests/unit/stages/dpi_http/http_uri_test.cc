// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/http_uri.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace sluice::http;

namespace {

std::string normalised(std::string_view target) {
  std::vector<uint8_t> out(target.size() + 1);
  const size_t size = normalise_target(split_target(bytes(target), false), out.data());
  EXPECT_LE(size, target.size());
  return {out.begin(), out.begin() + static_cast<ptrdiff_t>(size)};
}

struct Row {
  const char* target;
  const char* expected;
};

TEST(HttpUri, IsNormalised) {
  const Row rows[] = {
      {"/index.html", "/index.html"},
      {"", ""},
      {"*", "*"},
      // Escapes.
      {"/%41%62", "/Ab"},
      {"/%2e%2E/x", "/x"},
      {"/%zz%4", "/%zz%4"},
      {"/%", "/%"},
      {"/100%", "/100%"},
      {"/%2541", "/%41"},  // once
      {"/%u0041%U0062", "/Ab"},
      {"/%u00", "/%u00"},
      {"/%u004g", "/%u004g"},
      {"/%uff41%u2215x", "/a/x"},
      {"/a+b", "/a+b"},
      {"/CaSe", "/CaSe"},
      // Slashes.
      {"//a///b", "/a/b"},
      {"/a\\b\\\\c", "/a/b/c"},
      {"/a%5cb%2fc%2f/d", "/a/b/c/d"},
      // Dot segments, RFC 3986 section 5.4.
      {"/a/b/c/./../../g", "/a/g"},
      {"/../../x", "/x"},
      {"/a/..", "/"},
      {"/a/.", "/a/"},
      {"/a/b/..", "/a/"},
      {"/.", "/"},
      {"/..", "/"},
      {"./a", "a"},
      {"../a", "a"},
      {"/.a/..b/...", "/.a/..b/..."},
      {"/a/%2e%2e%2fetc", "/etc"},
      // Characters of several bytes, and those made longer than need be.
      {"/%c3%a4", "/\xe4"},
      {"/%c0%af%c0%aex", "//.x"},
      {"/%e0%80%ae", "/"},
      {"/%ef%bc%8fx", "//x"},
      {"/%ff", "/?"},
      {"/%c3", "/?"},
      {"/%e4%b8%ad", "/?"},
      // The query stays as it came; of the fragment escapes are undone.
      {"/a?b=%41/../\\", "/a?b=%41/../\\"},
      {"/a#%41", "/a#A"},
      {"/a?b#c%", "/a?b#c%"},
      {"?x", "?x"},
      // Absolute ones without what the host says.
      {"http://h/p//q", "/p/q"},
      {"HTTP://h", ""},
      {"http://h?q", "?q"},
      {"/x?u=http://h/", "/x?u=http://h/"},
  };
  for (const Row& row : rows) EXPECT_EQ(normalised(row.target), row.expected) << row.target;
}

TEST(HttpUri, HostOfTargets) {
  struct HostRow {
    const char* target;
    bool connect;
    const char* host;
  };
  const HostRow rows[] = {
      {"/x", false, ""},
      {"http://h/x", false, "h"},
      {"http://h:80/x", false, "h"},
      {"https://u:p@h.example./", false, "h.example"},
      {"http://[::1]:80/", false, "[::1]"},
      {"http://", false, ""},
      {"h:443", true, "h"},
      {"[2001:db8::1]:443", true, "[2001:db8::1]"},
      {"[broken", true, "[broken"},
      {"a://b@c@d/", false, "d"},
  };
  for (const HostRow& row : rows) {
    const Target target = split_target(bytes(row.target), row.connect);
    EXPECT_EQ(text(target.host), row.host) << row.target;
    EXPECT_EQ(target.has_host, *row.host != 0) << row.target;
  }
}

}  // namespace

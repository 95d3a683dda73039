// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Evaluating takes nothing from the heap, whatever the item: all of malloc is
// counted, that of PCRE2 and OpenSSL too. Sanitizers have a malloc of their own,
// so there this test is not there.
#ifndef SLUICE_SANITIZE
#include <cstddef>
#include <string>
#include <vector>

#include "rule_items.h"

namespace {
thread_local bool counting = false;
thread_local size_t taken = 0;
void* counted(void* block) noexcept {
  if (counting) ++taken;
  return block;
}
}  // namespace

// glibc's own, by the names under which it lets itself be replaced.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* malloc(size_t size) {
  return counted(__libc_malloc(size));
}
void* calloc(size_t n, size_t size) {
  return counted(__libc_calloc(n, size));
}
void* realloc(void* block, size_t size) {
  return counted(__libc_realloc(block, size));
}
}

namespace sluice::rules {
namespace {

TEST(MatcherHeap, IsNotTouchedByAnEvaluation) {
  using enum RuleTransform;
  std::vector<BufferMatcher> matchers;
  matchers.push_back(compiled({content("a"), content("b").within(9), no_content("z").nocase()}));
  matchers.push_back(compiled({content(std::string(300, 'a')), isdataat(3, true)}));
  matchers.push_back(compiled({byte_extract(bytes(1, 0), Var{0}), content("a").offset(Var{0})}));
  matchers.push_back(compiled({byte_test(text(bytes(3, 0), 10), RuleCompare::Greater, 1)}));
  matchers.push_back(compiled({byte_math(bytes(1, 0), '*', 3, Var{0}), byte_jump(bytes(1, 0))}));
  matchers.push_back(compiled({pcre("(a|b)+c"), pcre_r("^x*(\\w)\\1"), bsize(1, 100)}));
  matchers.push_back(compiled({pcre("^(?:(a)|b)*c")}));
  matchers.push_back(compiled({pcre("(*NO_JIT)^(?:(a)|b)*c")}));
  matchers.push_back(compiled({no_pcre("(*NO_JIT)(\\w+)=\\1")}));
  for (const RuleTransform kind :
       {Dotprefix, StripWhitespace, CompressWhitespace, ToLower, ToUpper, ToMd5, ToSha1, ToSha256,
        UrlDecode, HeaderLowercase, StripPseudoHeaders}) {
    matchers.push_back(compiled({content("a")}, {kind, UrlDecode}));
  }
  const std::vector<std::string> buffers = {"", "abc", std::string(300, 'a') + "b=x",
                                            std::string(5000, 'a'), std::string(70000, 'a') + "b"};
  MatchScratch scratch;
  counting = true;
  const std::string counts(100, 'x');
  ASSERT_EQ(taken, 1u) << "the count works";
  taken = 0;
  for (const BufferMatcher& matcher : matchers) {
    for (const std::string& buffer : buffers) {
      scratch.begin_rule();
      matcher.matches(whole(buffer), scratch);
    }
  }
  counting = false;
  EXPECT_EQ(taken, 0u);
}

}  // namespace
}  // namespace sluice::rules
#endif

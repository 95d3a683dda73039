// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What one candidate costs: a rule's items of one buffer, evaluated after the
// prefilter has found its fast pattern. Rules and buffers are of the kinds that
// large rule sets have most of; `cycles` are TSC cycles an evaluation.
#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "config/errors.h"
#include "stages/dpi/rules/buffer_matcher.h"
#include "stages/dpi/rules/rule_loader.h"

namespace sluice::rules {
namespace {

BufferMatcher matcher(const std::string& options, PcreCache& cache) {
  RuleLoader loader(RuleLoadOptions{});
  loader.add_text("bench", "alert ip any any -> any any (" + options + " sid:1;)\n");
  ConfigErrors errors;
  const LoadedRules loaded = loader.finish(errors);
  std::string why = "not one rule of one buffer";
  if (loaded.rules.size() == 1 && loaded.rules[0].buffers.size() == 1) {
    if (auto made = BufferMatcher::compile(loaded.rules[0].buffers[0], cache, why)) {
      return std::move(*made);
    }
  }
  throw std::runtime_error(options + ": " + why);
}

std::string page(size_t size) {
  std::string out;
  while (out.size() < size) {
    out += "<div class=\"item\"><a href=\"/news/2017/03/some-title.html\">Some title</a></div>\r\n";
  }
  out.resize(size);
  return out;
}

void evaluate(benchmark::State& state, const std::string& options, const std::string& bytes,
              bool expected) {
  PcreCache cache;
  const BufferMatcher asked = matcher(options, cache);
  MatchScratch scratch;
  BufferView view;
  view.data = reinterpret_cast<const uint8_t*>(bytes.data());
  view.size = static_cast<uint32_t>(bytes.size());
  view.complete = true;
  scratch.begin_rule();
  if (asked.matches(view, scratch) != expected) {
    state.SkipWithError("another answer than it should be");
    return;
  }
  // Of the least disturbed batch: the worker of a busy machine is not what is asked for.
  constexpr int kBatch = 256;
  uint64_t least = UINT64_MAX;
  while (state.KeepRunningBatch(kBatch)) {
    const uint64_t begin = __rdtsc();
    for (int i = 0; i < kBatch; ++i) {
      scratch.begin_rule();
      benchmark::DoNotOptimize(asked.matches(view, scratch));
    }
    least = std::min<uint64_t>(least, __rdtsc() - begin);
  }
  state.counters["cycles"] = static_cast<double>(least) / kBatch;
  state.counters["bytes"] = static_cast<double>(asked.memory_bytes());
}

const std::string kUri = "/gate/panel/login.php?id=8a3f19&os=win7&ver=2.1.44&data=Zm9vYmFy";
const std::string kAgent =
    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 Chrome/56.0.2924";
const std::string kHeader =
    "Host: update.example.com\r\nUser-Agent: " + kAgent +
    "\r\nAccept: text/html,application/xhtml+xml\r\nAccept-Language: en-US\r\n"
    "Accept-Encoding: gzip, deflate\r\nReferer: http://www.example.com/index.html\r\n"
    "Connection: keep-alive\r\n";

#define SLUICE_CANDIDATE(name, ...) BENCHMARK_CAPTURE(evaluate, name, __VA_ARGS__)

SLUICE_CANDIDATE(uri_one_content, std::string("http.uri; content:\"/login.php?id=\";"), kUri, true);
SLUICE_CANDIDATE(uri_three_contents,
                 std::string("http.uri; content:\".php?id=\"; content:\"&os=\"; distance:0; "
                             "content:\"&ver=\"; distance:0; nocase;"),
                 kUri, true);
SLUICE_CANDIDATE(uri_content_and_pcre,
                 std::string("http.uri; content:\".php?id=\"; "
                             "pcre:\"/\\.php\\?id=[a-f0-9]{6}&os=[a-z0-9]+&ver=\\d/\";"),
                 kUri, true);
SLUICE_CANDIDATE(uri_pcre_that_fails,
                 std::string("http.uri; content:\".php?id=\"; "
                             "pcre:\"/\\.php\\?id=[a-f0-9]{32}$/\";"),
                 kUri, false);
SLUICE_CANDIDATE(agent_at_the_start,
                 std::string("http.user_agent; content:\"Mozilla/5.0 (Windows\"; startswith;"),
                 kAgent, true);
SLUICE_CANDIDATE(agent_exact, std::string("http.user_agent; content:\"Mozilla/4.0\"; bsize:11;"),
                 kAgent, false);
SLUICE_CANDIDATE(
    header_negated,
    std::string("http.header; content:\"update.example.com\"; content:!\"Accept-Charset\"; "
                "content:!\"X-Requested-With|3a|\"; nocase;"),
    kHeader, true);
SLUICE_CANDIDATE(body_1k_near_by,
                 std::string("file.data; content:\"<a href=\"; content:\"eval(\"; within:40; "
                             "content:\"unescape\"; nocase; distance:0;"),
                 page(1024), false);
SLUICE_CANDIDATE(body_64k_not_there,
                 std::string("file.data; content:\"document.write(unescape(\"; nocase;"),
                 page(65536), false);
SLUICE_CANDIDATE(body_64k_pcre, std::string("file.data; pcre:\"/eval\\x28[a-z0-9]{2,}\\x28/i\";"),
                 page(65536), false);
SLUICE_CANDIDATE(payload_binary,
                 std::string("content:\"|00 00 00|\"; offset:1; depth:3; content:\"|ff|SMB\"; "
                             "distance:0; within:8; byte_test:2,>,4,20,relative,little;"),
                 std::string("\0\0\0\0\0\0\0\xffSMB", 11) + std::string(120, '\x09'), true);

}  // namespace
}  // namespace sluice::rules

BENCHMARK_MAIN();

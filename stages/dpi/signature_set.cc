// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_set.h"

#include "stages/dpi/signature_compiler.h"

namespace sluice {
namespace {

// wants() is asked by a worker, per flow.
constexpr size_t kMaxHeadersAsked = 512;

}  // namespace

std::shared_ptr<const SignatureSet> SignatureSet::load(const std::vector<std::string>& files,
                                                       Directory& directory, ConfigErrors& errors) {
  SignatureCompiler compiler(errors);
  for (const std::string& file : files) compiler.add_file(file);
  return compiler.compile(directory);
}

bool SignatureSet::may_fit(const PacketEnds& ends) const noexcept {
  const std::vector<uint32_t>& headers = classes_[static_cast<size_t>(ends.packet_class)].headers;
  if (headers.size() > kMaxHeadersAsked) return true;
  PacketEnds back = ends;
  back.swap();
  for (const uint32_t header : headers) {
    if (headers_[header].fits(ends) || headers_[header].fits(back)) return true;
  }
  return false;
}

}  // namespace sluice

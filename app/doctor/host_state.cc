// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/host_state.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "app/doctor/subprocess.h"
#include "app/host.h"

namespace sluice {

namespace {

constexpr size_t kMaxAnswer = 1 << 20;
constexpr int kPatienceMs = 5000;
constexpr unsigned kMaxAncestors = 32;

std::vector<std::pair<std::string, std::string>> interface_addresses() {
  std::vector<std::pair<std::string, std::string>> out;
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return out;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(first, freeifaddrs);
  for (const ifaddrs* a = first; a != nullptr; a = a->ifa_next) {
    if (a->ifa_addr == nullptr) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = nullptr;
    if (a->ifa_addr->sa_family == AF_INET) {
      bytes = &reinterpret_cast<const sockaddr_in*>(a->ifa_addr)->sin_addr;
    } else if (a->ifa_addr->sa_family == AF_INET6) {
      bytes = &reinterpret_cast<const sockaddr_in6*>(a->ifa_addr)->sin6_addr;
    }
    if (bytes == nullptr) continue;
    if (inet_ntop(a->ifa_addr->sa_family, bytes, text.data(), text.size()) == nullptr) continue;
    out.emplace_back(a->ifa_name, text.data());
  }
  return out;
}

// As DPDK's EAL chooses it for this process; and for root and in sluice@.service,
// which whoever checks a machine's configuration mostly is not.
std::vector<std::string> find_dpdk_folders() {
  std::vector<std::string> out;
  if (const char* given = std::getenv("RUNTIME_DIRECTORY")) {
    out.push_back(std::string(given) + "/dpdk");
  } else if (getuid() != 0) {
    const char* own = std::getenv("XDG_RUNTIME_DIR");
    out.push_back(std::string(own != nullptr ? own : "/tmp") + "/dpdk");
  }
  for (const char* folder : {"/var/run/dpdk", "/run/sluice/dpdk"}) {
    if (std::find(out.begin(), out.end(), folder) == out.end()) out.emplace_back(folder);
  }
  return out;
}

// The parent of a process; 0 if there is none to be found.
uint64_t parent_of(const HostTree& tree, uint64_t process) {
  const std::string status = tree.text("/proc/" + std::to_string(process) + "/status").value_or("");
  for (const std::string_view line : split_lines(status)) {
    const auto words = split_words(line);
    if (words.size() == 2 && words[0] == "PPid:") return parse_number(words[1]).value_or(0);
  }
  return 0;
}

}  // namespace

std::string find_ssh_connection(const HostTree& tree, const char* own) {
  if (own != nullptr && *own != '\0') return own;
  constexpr std::string_view kName = "SSH_CONNECTION=";
  uint64_t process = parent_of(tree, static_cast<uint64_t>(getpid()));
  for (unsigned i = 0; i < kMaxAncestors && process > 1; ++i) {
    const std::string environment =
        tree.text("/proc/" + std::to_string(process) + "/environ", 1 << 22).value_or("");
    for (size_t start = 0; start < environment.size();) {
      const std::string_view variable = environment.c_str() + start;
      if (variable.size() > kName.size() && variable.starts_with(kName)) {
        return printable(variable.substr(kName.size()));
      }
      start += variable.size() + 1;
    }
    process = parent_of(tree, process);
  }
  return {};
}

HostState HostState::read() {
  HostState out;
  out.cpus = allowed_cpus();
  out.user = geteuid();
  out.dpdk_folders = find_dpdk_folders();
  out.ssh_connection = find_ssh_connection(out.tree, std::getenv("SSH_CONNECTION"));
  out.addresses = interface_addresses();
  out.offloads = harmful_offloads;
  out.ask = [](const std::vector<std::string>& argv) -> std::optional<std::string> {
    const SubprocessResult result = run_subprocess(argv, kMaxAnswer, kPatienceMs);
    if (result.status != 0 || result.cut_off) return std::nullopt;
    return result.output;
  };
  return out;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace sluice {

namespace {

bool started = false;

// The EAL keeps pointers into its argument vector.
std::vector<std::string>& kept_arguments() {
  static auto* arguments = new std::vector<std::string>;
  return *arguments;
}

std::string private_directory;
pid_t private_directory_owner = 0;

void remove_private_directory() {
  // A forked child that exits must not take its parent's directory with it.
  if (private_directory_owner != getpid()) return;
  std::error_code ignored;
  std::filesystem::remove_all(private_directory, ignored);
}

void make_private_directory() {
  std::error_code error;
  const std::filesystem::path base = std::filesystem::temp_directory_path(error);
  std::string name = (error ? "/tmp" : base.string()) + "/sluice-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("no private directory " + name + ": " + std::strerror(errno));
  }
  private_directory = name;
  private_directory_owner = getpid();
  std::atexit(remove_private_directory);
}

// Sets a variable of the environment and puts the old value back.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() {
    if (old_) {
      setenv(name_, old_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

// "0@(0,1,5)": one lcore that floats over every CPU this thread may use.
std::string floating_lcore() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) {
    throw std::runtime_error(std::string("the CPUs of this process are not known: ") +
                             std::strerror(errno));
  }
  std::string list;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &cpus)) continue;
    if (!list.empty()) list += ',';
    list += std::to_string(cpu);
  }
  return "0@(" + list + ")";
}

}  // namespace

void start_eal(const EalOptions& options) {
  if (started) return;
  std::vector<std::string>& arguments = kept_arguments();
  arguments.assign(1, "sluice");
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  arguments.push_back("--log-level=*:" + options.log_level);
  // DPDK uses 512-bit vectors, where the CPU has them, only if it is asked to.
  const auto names_width = [](const std::string& a) {
    return a.starts_with("--force-max-simd-bitwidth");
  };
  if (std::none_of(arguments.begin(), arguments.end(), names_width)) {
    arguments.push_back("--force-max-simd-bitwidth=512");
  }

  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int argc = static_cast<int>(argv.size()) - 1;
  if (rte_eal_init(argc, argv.data()) < 0) {
    std::string line;
    for (size_t i = 1; i < options.arguments.size() + 1; ++i) line += ' ' + arguments[i];
    throw std::runtime_error(std::string("DPDK's environment does not start: ") +
                             rte_strerror(rte_errno) + " (arguments:" + line + ")");
  }
  started = true;
}

void start_private_eal(unsigned memory_mb) {
  if (started) return;
  make_private_directory();
  // Root's EAL would go to /var/run unless systemd's variable names a place.
  const ScopedVariable runtime("RUNTIME_DIRECTORY", private_directory);
  const ScopedVariable xdg("XDG_RUNTIME_DIR", private_directory);
  EalOptions options;
  options.arguments = {"--no-huge",
                       "--no-pci",
                       "--no-shconf",
                       "--no-telemetry",
                       "--iova-mode=va",
                       "-m",
                       std::to_string(memory_mb),
                       "--lcores",
                       floating_lcore()};
  start_eal(options);
}

}  // namespace sluice

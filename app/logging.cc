// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/logging.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

namespace sluice {

void log_to_stderr() {
  auto logger = std::make_shared<spdlog::logger>(
      "", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("%^%l%$: %v");
  spdlog::set_default_logger(std::move(logger));
}

void open_log(const LogConfig& config) {
  try {
    auto logger = config.file.empty() ? spdlog::stderr_color_mt("sluice")
                                      : spdlog::basic_logger_mt("sluice", config.file);
    // The journal stamps every line itself.
    const bool journal = config.file.empty() && std::getenv("JOURNAL_STREAM") != nullptr;
    logger->set_pattern(journal ? "%l: %v" : "%Y-%m-%dT%H:%M:%S.%e %^%l%$: %v");
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
  } catch (const spdlog::spdlog_ex& e) {
    throw std::runtime_error(std::string("log.file: ") + e.what());
  }
  set_log_level(config);
}

void set_log_level(const LogConfig& config) {
  spdlog::set_level(spdlog::level::from_str(config.level));
}

}  // namespace sluice

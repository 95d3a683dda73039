// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/port_mender.h"

#include <exception>

#include "app/port.h"

namespace sluice {

PortMender::PortMender() : thread_([this] { run(); }) {}

PortMender::~PortMender() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void PortMender::give(Port& port, Job job) {
  {
    const std::lock_guard lock(mutex_);
    to_do_.emplace_back(&port, job);
  }
  wake_.notify_one();
}

std::optional<PortMender::Result> PortMender::take() {
  const std::lock_guard lock(mutex_);
  if (done_.empty()) return std::nullopt;
  std::optional<Result> result = std::move(done_.front());
  done_.pop_front();
  return result;
}

void PortMender::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !to_do_.empty(); });
    if (stop_) return;
    const auto [port, job] = to_do_.front();
    to_do_.pop_front();
    lock.unlock();
    Result result{port, job, {}};
    try {
      job == Job::Recover ? port->recover() : port->give_back();
    } catch (const std::exception& e) {
      result.error = e.what();
    }
    lock.lock();
    done_.push_back(std::move(result));
  }
}

}  // namespace sluice

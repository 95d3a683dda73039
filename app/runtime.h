// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The parts of a running appliance, for the control thread's use.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "app/counters.h"
#include "app/eve_log.h"
#include "app/port.h"
#include "app/port_keeper.h"
#include "app/reload.h"
#include "app/settings.h"
#include "chain/appliance.h"
#include "chain/directory.h"

namespace sluice {

// Members are destroyed from last to first.
struct Runtime {
  std::unique_ptr<Settings> start_settings;  // ports, lanes and tables as they were set up
  Directory directory;
  std::unique_ptr<Ports> ports;
  std::unique_ptr<Appliance> appliance;
  std::shared_ptr<const EveNames> names;  // of the policy in force
  std::unique_ptr<EveLog> eve;
  std::unique_ptr<Counters> counters;
  std::unique_ptr<PortKeeper> keeper;
  std::unique_ptr<Reloader> reloader;
  const Settings* settings = nullptr;  // in force; start_settings or the reloader's
  std::chrono::system_clock::time_point started_at;
  bool huge_pages = true;
  unsigned starts = 0;  // `start`s from the console
};

}  // namespace sluice

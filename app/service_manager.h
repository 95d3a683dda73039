// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

namespace sluice {

// Tells systemd (Type=notify) how the service stands: "READY=1", "STOPPING=1".
// Does nothing where nobody listens. Control thread.
void notify_service_manager(const char* state);

}  // namespace sluice

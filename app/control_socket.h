// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The Unix socket by which `sluice attach` reaches a running appliance.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sluice {

class Console;
class Session;

// /run/sluice/INSTANCE.sock for root, else below $XDG_RUNTIME_DIR, else /tmp.
std::string control_socket_path(const std::string& instance);

// Why a directory below /tmp, where anybody could have made it, is not this
// user's alone; "" if it is, or if it isn't there.
std::string distrust_of_directory(const std::string& path);
// The same of the directory of a control socket; directories elsewhere than
// below /tmp are the business of whoever named them.
std::string distrust_of_socket(const std::string& path);

// Control thread.
class ControlSocket {
 public:
  static constexpr size_t kMaxClients = 16;

  // Mode 0660. A socket that nobody listens on any more is replaced. Throws
  // std::runtime_error. `console` outlives the socket.
  ControlSocket(const std::string& path, Console& console);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  const std::string& path() const { return path_; }

  // Waits at most `timeout_ms` for clients, for `extra` (revents are filled),
  // and serves what has come.
  void serve(int timeout_ms, std::vector<pollfd>& extra);

 private:
  void accept_clients();

  const std::string path_;
  Console& console_;
  int fd_ = -1;
  std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace sluice

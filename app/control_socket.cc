// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/control_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "app/session.h"

namespace sluice {

namespace {

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    throw std::runtime_error("control socket: the path " + path + " is too long (at most " +
                             std::to_string(sizeof address.sun_path - 1) + " bytes)");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool somebody_listens(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool yes = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return yes;
}

uint64_t monotonic_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

// For users without a runtime directory.
std::string fallback_directory() {
  return "/tmp/sluice-" + std::to_string(geteuid());
}

}  // namespace

std::string distrust_of_directory(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return errno == ENOENT ? "" : std::strerror(errno);
  if (!S_ISDIR(status.st_mode)) return "it is no directory";
  if (status.st_uid != geteuid()) {
    return "it belongs to user " + std::to_string(status.st_uid);
  }
  if ((status.st_mode & 077) != 0) return "others may enter it: its mode must be 0700";
  return "";
}

std::string distrust_of_socket(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path();
  if (directory != fallback_directory()) return "";
  const std::string why = distrust_of_directory(directory);
  return why.empty() ? "" : "control socket " + path + ": " + directory + ": " + why;
}

std::string control_socket_path(const std::string& instance) {
  std::string directory = "/run/sluice";
  if (geteuid() != 0) {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    directory = runtime && *runtime ? std::string(runtime) + "/sluice" : fallback_directory();
  }
  return directory + '/' + instance + ".sock";
}

ControlSocket::ControlSocket(const std::string& path, Console& console)
    : path_(path), console_(console) {
  const sockaddr_un address = unix_address(path);
  const auto fail = [&](const char* call) {
    const std::string why = std::strerror(errno);
    if (fd_ >= 0) close(fd_);
    throw std::runtime_error("control socket " + path + ": " + call + ": " + why);
  };
  std::error_code error;
  const auto directory = std::filesystem::path(path).parent_path();
  if (directory == fallback_directory()) {
    mkdir(directory.c_str(), 0700);
    if (const std::string why = distrust_of_socket(path); !why.empty()) {
      throw std::runtime_error(why);
    }
  } else if (!directory.empty() && std::filesystem::create_directories(directory, error)) {
    std::filesystem::permissions(directory, std::filesystem::perms(0750), error);
  }
  if (somebody_listens(address)) {
    throw std::runtime_error("control socket " + path +
                             ": another appliance of this instance is running");
  }
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());

  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) fail("socket");
  const mode_t old_mask = umask(0117);
  const int bound = bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(old_mask);
  if (bound != 0) fail("bind");
  if (listen(fd_, kMaxClients) != 0) fail("listen");
}

ControlSocket::~ControlSocket() {
  sessions_.clear();
  close(fd_);
  unlink(path_.c_str());
}

void ControlSocket::serve(int timeout_ms, std::vector<pollfd>& extra) {
  std::vector<pollfd> fds = {{fd_, POLLIN, 0}};
  for (const auto& session : sessions_) {
    short events = 0;
    if (session->wants_read()) events |= POLLIN;
    if (session->wants_write()) events |= POLLOUT;
    fds.push_back({session->fd(), events, 0});
  }
  const size_t first_extra = fds.size();
  fds.insert(fds.end(), extra.begin(), extra.end());
  if (poll(fds.data(), fds.size(), timeout_ms) < 0) {
    for (pollfd& fd : fds) fd.revents = 0;
  }
  std::copy(fds.begin() + static_cast<std::ptrdiff_t>(first_extra), fds.end(), extra.begin());

  for (size_t i = 0; i < sessions_.size(); ++i) {
    const short events = fds[i + 1].revents;
    if (events & (POLLIN | POLLHUP | POLLERR)) sessions_[i]->readable();
    sessions_[i]->turn(monotonic_ms());
  }
  std::erase_if(sessions_, [](const auto& session) { return session->finished(); });
  if (fds[0].revents & POLLIN) accept_clients();
}

void ControlSocket::accept_clients() {
  for (;;) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (sessions_.size() >= kMaxClients) {
      close(fd);
      continue;
    }
    sessions_.push_back(std::make_unique<Session>(fd, console_));
  }
}

}  // namespace sluice

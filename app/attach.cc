// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/attach.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "app/command.h"
#include "app/control_socket.h"
#include "app/session.h"
#include "app/settings.h"

namespace sluice {

namespace {

constexpr char kEndOfInput = 0x04;  // Ctrl-D, as cmdline understands it
constexpr int kLastWordsMs = 1000;  // for a terminal to take them, once the session is over

class Connection {
 public:
  explicit Connection(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
      errno = ENAMETOOLONG;
    } else {
      std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
      fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd_ >= 0 && connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
        return;
      }
    }
    std::fprintf(stderr, "sluice: no appliance answers at %s: %s\n", path.c_str(),
                 std::strerror(errno));
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // Bytes received, 0 at the end.
  size_t receive(char* out, size_t room) const {
    ssize_t n;
    do {
      n = recv(fd_, out, room, 0);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? static_cast<size_t>(n) : 0;
  }

 private:
  int fd_ = -1;
};

// Every key goes to the console, which echoes and completes.
class RawTerminal {
 public:
  RawTerminal() {
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    raw_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  ~RawTerminal() {
    if (raw_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool raw_ = false;
};

// The terminal as a place to write to. It may stand still (Ctrl-S) for as long
// as it likes, but nobody waits for it once the session is over. Opened anew, so
// that not to block is no matter of those who share standard output.
class Screen {
 public:
  explicit Screen(int session)
      : own_fd_(open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)),
        fd_(own_fd_ >= 0 ? own_fd_ : STDOUT_FILENO),
        session_(session) {}
  ~Screen() {
    if (own_fd_ >= 0) close(own_fd_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty() && !given_up_) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n > 0) {
        bytes.remove_prefix(static_cast<size_t>(n));
      } else if (n < 0 && errno == EAGAIN) {
        given_up_ = !wait();
      } else if (n == 0 || errno != EINTR) {
        given_up_ = true;
      }
    }
  }

 private:
  bool wait() const {
    pollfd fds[2] = {{fd_, POLLOUT, 0}, {session_, 0, 0}};  // hang-ups are always told
    if (poll(fds, 2, -1) < 0) return errno == EINTR;
    if (fds[0].revents != 0) return true;
    return poll(fds, 1, kLastWordsMs) > 0;
  }

  const int own_fd_;
  const int fd_;
  const int session_;
  bool given_up_ = false;
};

}  // namespace

int attach_command(const std::string& socket_path, const std::string& line) {
  const Connection connection(socket_path);
  if (!connection.open()) return 1;
  std::string request(1, kTalkCommand);
  for (const char c : line) request += c == '\n' ? ' ' : c;
  if (!connection.send(request + '\n')) return 1;
  std::string answer;
  char bytes[16384];
  while (const size_t n = connection.receive(bytes, sizeof bytes)) answer.append(bytes, n);
  const size_t end = answer.find('\0');
  if (end == std::string::npos || end + 1 >= answer.size()) {
    std::fputs("sluice: the appliance ended before it answered\n", stderr);
    return 1;
  }
  const int status = answer[end + 1] - '0';
  std::fwrite(answer.data(), 1, end, status == 0 ? stdout : stderr);
  return status;
}

SessionEnd attach_terminal(const std::string& socket_path) {
  const Connection connection(socket_path);
  if (!connection.open()) return SessionEnd::NoAnswer;
  if (!connection.send(std::string(1, kTalkTerminal))) return SessionEnd::CutOff;
  const RawTerminal terminal;
  Screen screen(connection.fd());
  pollfd fds[2] = {{connection.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  char bytes[4096];
  bool asked = false;
  for (;;) {
    if (poll(fds, 2, -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (fds[0].revents) {
      size_t n = connection.receive(bytes, sizeof bytes);
      if (n == 0) break;
      if (bytes[n - 1] == '\0') {
        asked = true;
        --n;
      }
      screen.write({bytes, n});
    }
    if (fds[1].revents) {
      const ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
      const bool ended = n <= 0;
      const std::string_view typed = ended ? std::string_view(&kEndOfInput, 1)
                                           : std::string_view(bytes, static_cast<size_t>(n));
      asked = asked || ended;
      if (!connection.send(typed)) break;
      if (ended) fds[1].fd = -1;  // what is still to come is the console's last word
    }
  }
  screen.write("\n");
  return asked ? SessionEnd::Asked : SessionEnd::CutOff;
}

}  // namespace sluice

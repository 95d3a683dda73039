// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/session.h"

#include <cmdline.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "app/console.h"

namespace sluice {

namespace {
constexpr const char* kPrompt = "sluice> ";
}

Session::Session(int fd, Console& console) : fd_(fd), console_(console) {}

Session::~Session() {
  if (cl_) cmdline_free(cl_);  // closes its end of the pipe
  if (echo_fd_ >= 0) close(echo_fd_);
  close(fd_);
}

void Session::readable() {
  char bytes[512];
  const ssize_t n = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n > 0) {
    take(bytes, static_cast<size_t>(n));
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    dead_ = true;
  }
}

void Session::take(const char* bytes, size_t n) {
  for (size_t i = 0; i < n && !closing_; ++i) {
    if (pending_) {  // typed ahead: at most one read's worth, as we stop reading
      input_.append(bytes + i, n - i);
      return;
    }
    switch (talk_) {
      case Talk::Unknown:
        if (bytes[i] == kTalkCommand) {
          talk_ = Talk::Command;
          break;
        }
        begin_terminal();
        tells_end_ = bytes[i] == kTalkTerminal;
        if (!tells_end_) terminal_byte(bytes[i]);
        break;
      case Talk::Command:
        command_byte(bytes[i]);
        break;
      case Talk::Terminal:
        terminal_byte(bytes[i]);
        break;
    }
  }
}

// cmdline writes to a file descriptor, byte by byte, and would block or lose
// bytes on a slow socket. So it writes to a pipe that is emptied behind each
// byte of input.
void Session::begin_terminal() {
  talk_ = Talk::Terminal;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    dead_ = closing_ = true;
    return;
  }
  echo_fd_ = ends[0];
  cl_ = cmdline_new(console_.context(), kPrompt, -1, ends[1]);
  if (!cl_) {
    close(ends[1]);
    dead_ = closing_ = true;
    return;
  }
  put(drain_echo());
}

void Session::terminal_byte(char byte) {
  if (!cl_ || static_cast<unsigned char>(byte) >= 0x80) return;
  const bool ended = cmdline_in(cl_, &byte, 1) < 0;
  std::string echo = drain_echo();
  if (auto outcome = console_.take_outcome()) {
    // The prompt stands behind the echo already; it belongs behind the answer.
    if (echo.ends_with(kPrompt)) echo.resize(echo.size() - std::string_view(kPrompt).size());
    put(echo);
    quit_after_ = outcome->quit;
    if (outcome->pending) {
      pending_ = std::move(outcome->pending);
    } else {
      answer(*outcome->result);
    }
  } else {
    put(echo);
  }
  if (ended) end_terminal();
}

void Session::end_terminal() {
  if (closing_) return;
  if (tells_end_) put(std::string_view("\0", 1));
  closing_ = true;
}

void Session::command_byte(char byte) {
  if (byte == '\n') {
    run_line();
    return;
  }
  if (line_.size() >= kMaxLine) {
    answer(CommandResult::not_understood("the line is too long\n"));
    return;
  }
  // Control characters are no part of any command.
  line_ += static_cast<unsigned char>(byte) < 0x20 ? ' ' : byte;
}

void Session::run_line() {
  cmdline* parser = cmdline_new(console_.context(), "", -1, -1);
  if (!parser) {
    answer(CommandResult::failed("out of memory\n"));
    return;
  }
  const int status = cmdline_parse(parser, (line_ + '\n').c_str());
  cmdline_free(parser);
  if (auto outcome = console_.take_outcome()) {
    if (outcome->pending) {
      pending_ = std::move(outcome->pending);
    } else {
      answer(*outcome->result);
    }
    return;
  }
  if (status == CMDLINE_PARSE_BAD_ARGS) {
    answer(CommandResult::not_understood("bad arguments: `" + line_ + "`; try `help`\n"));
  } else if (status < 0) {
    answer(CommandResult::not_understood("no such command: `" + line_ + "`; try `help`\n"));
  } else {
    answer(CommandResult::done());
  }
}

void Session::answer(const CommandResult& result) {
  put(result.text);
  if (talk_ == Talk::Command) {
    put(std::string_view("\0", 1));
    put(std::string(1, static_cast<char>('0' + static_cast<int>(result.status))));
    closing_ = true;
    return;
  }
  if (quit_after_) {
    end_terminal();
  } else {
    put(kPrompt);
  }
}

void Session::turn(uint64_t now_ms) {
  if (pending_) {
    if (const auto result = pending_()) {
      pending_ = nullptr;
      answer(*result);
      const std::string ahead = std::exchange(input_, {});
      take(ahead.data(), ahead.size());
    }
  }
  if (output_.empty()) {
    last_progress_ms_ = now_ms;
    return;
  }
  const ssize_t n = send(fd_, output_.data(), output_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0) {
    output_.erase(0, static_cast<size_t>(n));
    last_progress_ms_ = now_ms;
  } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
    dead_ = true;
  } else if (now_ms - last_progress_ms_ > kSlowClientMs) {
    dead_ = true;
  }
}

void Session::put(std::string_view text) {
  if (output_.size() + text.size() > kMaxOutput) {
    dead_ = closing_ = true;
    return;
  }
  output_ += text;
}

std::string Session::drain_echo() {
  std::string out;
  char bytes[4096];
  for (;;) {
    const ssize_t n = read(echo_fd_, bytes, sizeof bytes);
    if (n <= 0) return out;
    out.append(bytes, static_cast<size_t>(n));
  }
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One client of the control socket. The client's first byte says how it talks:
//   kTalkTerminal  bytes of a terminal, both ways; a NUL before the end says
//                  that the user asked for it (`quit`, Ctrl-D);
//   kTalkCommand   one line; the answer is text, then a NUL, then the digit of
//                  its CommandStatus, then the end.
// Another first byte is already a terminal's (so that plain socat works).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "app/command.h"

struct cmdline;

namespace sluice {

class Console;

inline constexpr char kTalkCommand = 0x01;
inline constexpr char kTalkTerminal = 0x02;

// Everything that a client can make us keep is bounded, and no call waits for
// it. Control thread.
class Session {
 public:
  static constexpr size_t kMaxLine = 500;            // bytes; cmdline's own bound is 512
  static constexpr size_t kMaxOutput = 8u << 20;     // bytes that wait for the client
  static constexpr uint64_t kSlowClientMs = 10'000;  // without taking a byte of them

  // Takes over `fd`, which does not block. `console` outlives the session.
  Session(int fd, Console& console);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int fd() const { return fd_; }
  bool wants_read() const { return !closing_ && !pending_; }
  bool wants_write() const { return !output_.empty(); }
  bool finished() const { return dead_ || (closing_ && output_.empty()); }

  void readable();
  // Asks for pending answers, writes what can be written, judges slowness.
  void turn(uint64_t now_ms);

 private:
  enum class Talk : uint8_t { Unknown, Command, Terminal };

  void take(const char* bytes, size_t n);
  void begin_terminal();
  void terminal_byte(char byte);
  void command_byte(char byte);
  void run_line();
  void answer(const CommandResult& result);
  void end_terminal();
  void put(std::string_view text);
  std::string drain_echo();

  const int fd_;
  Console& console_;
  Talk talk_ = Talk::Unknown;
  cmdline* cl_ = nullptr;
  int echo_fd_ = -1;  // read end of the pipe that cmdline writes to
  std::string line_;
  std::string input_;  // behind a command that is still pending
  std::string output_;
  PendingResult pending_;
  bool quit_after_ = false;
  bool tells_end_ = false;  // a client of ours, not socat
  bool closing_ = false;
  bool dead_ = false;
  uint64_t last_progress_ms_ = 0;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "app/host_tree.h"

namespace sluice {

namespace {

using Clock = std::chrono::steady_clock;

// Never the caller's PATH: this runs as root, perhaps by sudo with -E.
std::string find_program(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
    std::string path = folder + name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) ends = {-1, -1};
  }
  ~Pipe() {
    shut(0);
    shut(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void shut(size_t end) {
    if (ends[end] >= 0) close(ends[end]);
    ends[end] = -1;
  }
};

// False once the other side is closed.
bool take(Pipe& pipe, std::string& into) {
  std::array<char, 4096> piece;
  const ssize_t n = read(pipe.ends[0], piece.data(), piece.size());
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) {
    pipe.shut(0);
    return false;
  }
  into.append(piece.data(), static_cast<size_t>(n));
  return true;
}

// Reads both until the program has closed them; false if it goes too far.
bool listen_to(Pipe& out, Pipe& err, SubprocessResult& result, size_t max_output,
               Clock::time_point deadline) {
  while (out.ends[0] >= 0 || err.ends[0] >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> watched{pollfd{out.ends[0], POLLIN, 0}, pollfd{err.ends[0], POLLIN, 0}};
    if (poll(watched.data(), watched.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
      return false;
    }
    if (watched[0].revents != 0) take(out, result.output);
    if (watched[1].revents != 0) take(err, result.errors);
    if (result.output.size() + result.errors.size() > max_output) return false;
  }
  return true;
}

// Null: it has not ended in time.
bool wait_for(pid_t child, int& status, Clock::time_point deadline) {
  for (;;) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return true;
    if (ended < 0 && errno != EINTR) return true;
    if (Clock::now() > deadline) return false;
    usleep(1000);
  }
}

}  // namespace

SubprocessResult run_subprocess(const std::vector<std::string>& argv, size_t max_output,
                                int patience_ms) {
  SubprocessResult result;
  const std::string program = argv.empty() ? std::string() : find_program(argv.front());
  if (program.empty()) {
    result.status = 127;
    result.errors = (argv.empty() ? std::string("no program") : argv.front()) + ": not installed";
    return result;
  }
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // Fixed, so that what is printed can be parsed, and nothing of ours leaks in.
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language = "LC_ALL=C";
  std::array<char*, 3> environment{path.data(), language.data(), nullptr};

  Pipe out, err;
  if (out.ends[0] < 0 || err.ends[0] < 0) return result;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.ends[1], STDERR_FILENO);
  pid_t child = 0;
  const int error =
      posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    result.errors = argv.front() + ": " + std::strerror(error);
    return result;
  }
  out.shut(1);
  err.shut(1);

  const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
  int status = 0;
  result.cut_off = !listen_to(out, err, result, max_output, deadline);
  if (result.cut_off || !wait_for(child, status, deadline)) {
    result.cut_off = true;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    result.errors = "took too long, or said too much";
    return result;
  }
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  const auto lines = split_lines(result.errors);
  result.errors = lines.empty() ? std::string() : printable(lines.back());
  return result;
}

}  // namespace sluice

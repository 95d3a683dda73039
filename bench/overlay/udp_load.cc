// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The client and the server of the comparison: ordinary UDP sockets, one system
// call a packet, so that the ends cost the same whatever lies between them.
//
//   echo   sends every datagram back
//   ping   one datagram at a time to an echo; percentiles of the round trip
//   sink   counts, and acknowledges every so many datagrams
//   send   keeps a window of datagrams on their way to a sink; packets a second
//
// A window instead of a flood: nothing is lost, so that no cycle is spent on a
// packet that never arrives, and the slowest part sets the pace in every set-up.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

constexpr unsigned kPayload = 18;  // 64 bytes on the wire with Ethernet's FCS
constexpr unsigned kWindow = 256;  // below every queue on the way: 512 frames in AF_PACKET's ring
constexpr unsigned kAckEvery = 32;
constexpr unsigned kPatienceMs = 50;         // then what is missing counts as lost
constexpr uint64_t kWarmUpNs = 300'000'000;  // ARP, a flow's first packets, caches
constexpr int kBuffer = 4 << 20;             // socket buffers never are what drops

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

sockaddr_in address(const char* host, const char* port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET, host, &out.sin_addr) != 1) {
    throw std::runtime_error(std::string("no IPv4 address: ") + host);
  }
  return out;
}

// A datagram is a number, and nothing behind it.
class Socket {
 public:
  Socket() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    check(fd_, "socket");
    for (const int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
      check(setsockopt(fd_, SOL_SOCKET, option, &kBuffer, sizeof kBuffer), "setsockopt");
    }
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void bind_to(const sockaddr_in& a) { check(bind(fd_, generic(a), sizeof a), "bind"); }
  void connect_to(const sockaddr_in& a) { check(connect(fd_, generic(a), sizeof a), "connect"); }

  void patience(unsigned ms) {
    const timeval t{.tv_sec = ms / 1000, .tv_usec = static_cast<suseconds_t>(ms % 1000) * 1000};
    check(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t), "setsockopt");
  }

  void send_number(uint64_t number) {
    std::memcpy(data_, &number, sizeof number);
    check(send(fd_, data_, kPayload, 0), "send");
  }

  // False when patience ends first.
  bool receive_number(uint64_t& number) {
    const ssize_t n = recv(fd_, data_, sizeof data_, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    check(n, "recv");
    std::memcpy(&number, data_, sizeof number);
    return true;
  }

  uint64_t receive_from(sockaddr_in& from) {
    socklen_t length = sizeof from;
    check(recvfrom(fd_, data_, sizeof data_, 0, reinterpret_cast<sockaddr*>(&from), &length),
          "recvfrom");
    uint64_t number;
    std::memcpy(&number, data_, sizeof number);
    return number;
  }

  void send_number_to(uint64_t number, const sockaddr_in& to) {
    std::memcpy(data_, &number, sizeof number);
    check(sendto(fd_, data_, kPayload, 0, generic(to), sizeof to), "sendto");
  }

 private:
  static const sockaddr* generic(const sockaddr_in& a) {
    return reinterpret_cast<const sockaddr*>(&a);
  }
  static void check(ssize_t result, const char* call) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  }

  int fd_;
  char data_[64] = {};
};

int echo(Socket& socket) {
  for (sockaddr_in from;;) {
    const uint64_t number = socket.receive_from(from);
    socket.send_number_to(number, from);
  }
}

// As long as it lives, CPUs that wait are not put to sleep: else a round trip that
// goes from CPU to CPU mostly measures how long a (virtual) one takes to wake up.
class StayAwake {
 public:
  StayAwake() : fd_(open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC)) {
    const int32_t microseconds = 0;
    awake_ = fd_ >= 0 && write(fd_, &microseconds, sizeof microseconds) == sizeof microseconds;
  }
  ~StayAwake() {
    if (fd_ >= 0) close(fd_);
  }
  StayAwake(const StayAwake&) = delete;
  StayAwake& operator=(const StayAwake&) = delete;

  bool awake() const { return awake_; }

 private:
  int fd_;
  bool awake_ = false;
};

double us(const std::vector<uint32_t>& sorted, double percentile) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<size_t>(last * percentile / 100.0 + 0.5)] / 1e3;
}

int ping(Socket& socket, double seconds) {
  const StayAwake cpus;
  std::vector<uint32_t> samples;
  samples.reserve(4'000'000);
  socket.patience(kPatienceMs);
  uint64_t lost = 0;
  const uint64_t start = now_ns() + kWarmUpNs;
  const uint64_t end = start + static_cast<uint64_t>(seconds * 1e9);
  for (uint64_t sent = 0, number = 1; sent < end; ++number) {
    sent = now_ns();
    socket.send_number(number);
    uint64_t answer = 0;
    bool answered = true;
    while (answered && answer != number) answered = socket.receive_number(answer);
    if (sent < start) continue;
    if (answered) {
      samples.push_back(static_cast<uint32_t>(now_ns() - sent));
    } else {
      ++lost;
    }
  }
  if (samples.empty()) throw std::runtime_error("no answer");
  std::sort(samples.begin(), samples.end());
  std::printf(
      "{\"samples\": %zu, \"lost\": %llu, \"min_us\": %.2f, \"p50_us\": %.2f, "
      "\"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, \"awake\": %s}\n",
      samples.size(), static_cast<unsigned long long>(lost), us(samples, 0), us(samples, 50),
      us(samples, 99), us(samples, 99.9), us(samples, 100), cpus.awake() ? "true" : "false");
  return 0;
}

// Answers with how many have arrived: after every kAckEvery, and to a number 0,
// by which a sender that waits asks.
int sink(Socket& socket) {
  uint64_t arrived = 0;
  for (sockaddr_in from;;) {
    const bool asked = socket.receive_from(from) == 0;
    if (!asked) ++arrived;
    if (asked || arrived % kAckEvery == 0) socket.send_number_to(arrived, from);
  }
}

// What the whole machine had done at a moment.
struct Moment {
  uint64_t ns = now_ns(), tsc = __rdtsc(), arrived = 0;
  double idle_s = 0, stolen_s = 0;  // of all CPUs together

  explicit Moment(uint64_t arrived_so_far) : arrived(arrived_so_far) {
    std::ifstream in("/proc/stat");
    std::string cpu;
    double user, nice, system, idle, iowait, irq, softirq, stolen;
    if (!(in >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> stolen)) {
      throw std::runtime_error("/proc/stat does not tell");
    }
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    idle_s = (idle + iowait) / ticks;
    stolen_s = stolen / ticks;
  }
};

// The sender's side of the window.
class Window {
 public:
  explicit Window(Socket& socket) : socket_(socket) {
    socket_.patience(kPatienceMs);
    socket_.send_number(0);
    if (!socket_.receive_number(before_)) throw std::runtime_error("the sink does not answer");
  }

  Moment run_until(uint64_t end_ns) {
    while (now_ns() < end_ns) {
      while (sent_ - lost_ - arrived_ < kWindow) socket_.send_number(++sent_);
      if (uint64_t total; socket_.receive_number(total)) {
        arrived_ = std::max(arrived_, total - before_);
      } else {
        settle();
      }
    }
    return Moment(arrived_);
  }

  // Whatever the sink has not counted by now is lost.
  void settle() {
    socket_.send_number(0);
    for (uint64_t total; socket_.receive_number(total);) {
      arrived_ = std::max(arrived_, total - before_);
    }
    lost_ = sent_ - arrived_;
  }

  uint64_t lost() const { return lost_; }

 private:
  Socket& socket_;
  uint64_t before_ = 0;  // what the sink had counted when we came
  uint64_t sent_ = 0, arrived_ = 0, lost_ = 0;
};

int send(Socket& socket, double seconds) {
  Window window(socket);
  const Moment begin = window.run_until(now_ns() + kWarmUpNs);
  const Moment end = window.run_until(begin.ns + static_cast<uint64_t>(seconds * 1e9));
  window.settle();
  const double elapsed = static_cast<double>(end.ns - begin.ns) / 1e9;
  const auto arrived = static_cast<double>(end.arrived - begin.arrived);
  const double hz = static_cast<double>(end.tsc - begin.tsc) / elapsed;
  const double stolen = end.stolen_s - begin.stolen_s;
  const double cpus = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  const double busy = cpus * elapsed - (end.idle_s - begin.idle_s) - stolen;
  std::printf(
      "{\"seconds\": %.6f, \"arrived\": %.0f, \"lost\": %llu, \"kpps\": %.3f, "
      "\"tsc_hz\": %.0f, \"busy_s\": %.3f, \"stolen_s\": %.3f}\n",
      elapsed, arrived, static_cast<unsigned long long>(window.lost()), arrived / elapsed / 1e3, hz,
      busy, stolen);
  return 0;
}

int usage() {
  std::fputs("udp_load echo|sink PORT\nudp_load ping|send HOST PORT SECONDS\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  try {
    if ((mode == "echo" || mode == "sink") && argc == 3) {
      Socket socket;
      socket.bind_to(address("0.0.0.0", argv[2]));
      return mode == "echo" ? echo(socket) : sink(socket);
    }
    if ((mode == "ping" || mode == "send") && argc == 5) {
      Socket socket;
      socket.connect_to(address(argv[2], argv[3]));
      const double seconds = std::atof(argv[4]);
      return mode == "ping" ? ping(socket, seconds) : send(socket, seconds);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "udp_load: %s\n", e.what());
    return 1;
  }
  return usage();
}

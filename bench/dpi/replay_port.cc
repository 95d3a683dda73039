// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Makes a null port of any DPDK program the source of endless traffic, and measures
// the thread that polls it: preloaded (LD_PRELOAD) into Sluice and Suricata alike, so
// that both get the same frames from the same port and are measured by the same clock.
//
// It stands in front of two functions of ethdev, to learn the port's mempool and to add
// callbacks behind its receive function; it uses nothing but DPDK's public interface.
// The environment says what to do:
//
//   REPLAY_CAPTURE   the capture (bench/dpi/replay_source.h)
//   REPLAY_REPORT    file for the result, written when the last window is over
//   REPLAY_PORT      the port's name (net_null0)
//   REPLAY_COPIES    copies of the capture under way at a time (16)
//   REPLAY_NICE      of the polling thread, if it may (as it is)
//   REPLAY_WARM_MS, REPLAY_MS, REPLAY_WINDOWS   what is measured (2000, 1000, 5)

#include <dlfcn.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/dpi/replay_source.h"

namespace sluice::bench {

namespace {

constexpr uint16_t kMostPorts = RTE_MAX_ETHPORTS;

// Sums since the first frame. Read at the end of each window.
struct Moment {
  uint64_t tsc = 0;
  uint64_t thread_ns = 0;   // CPU time of the polling thread
  uint64_t process_ns = 0;  // and of all threads
  uint64_t packets = 0, bytes = 0, flows = 0;
  uint64_t transmitted = 0;  // packets, by all ports
  uint64_t port_cycles = 0;  // spent here: they stand for the device
  uint64_t starved = 0;      // turns in which no mbuf was left
};

uint64_t nanoseconds(clockid_t clock) noexcept {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

std::string variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

unsigned number(const char* name, const char* otherwise) {
  const std::string text = variable(name, otherwise);
  size_t end = 0;
  const unsigned long value = std::stoul(text, &end);
  if (end != text.size() || value > 1'000'000)
    throw std::runtime_error(std::string(name) + ": " + text);
  return static_cast<unsigned>(value);
}

// One port, polled by one thread.
class ReplayPort {
 public:
  explicit ReplayPort(rte_mempool* pool)
      : source_(variable("REPLAY_CAPTURE", ""), number("REPLAY_COPIES", "16")),
        report_(variable("REPLAY_REPORT", "replay.json")),
        windows_(number("REPLAY_WINDOWS", "5")),
        pool_(pool),
        ms_(rte_get_tsc_hz() / 1000 * number("REPLAY_MS", "1000")),
        boundary_(rte_get_tsc_hz() / 1000 * number("REPLAY_WARM_MS", "2000")) {
    moments_.reserve(windows_ + 1);
  }

  uint16_t receive(rte_mbuf** pkts, uint16_t n) noexcept;
  void transmitted(uint16_t n) noexcept {
    transmitted_.store(transmitted_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

 private:
  void keep_moment(uint64_t now) noexcept;
  void write_report() const noexcept;

  ReplaySource source_;
  const std::string report_;
  const unsigned windows_;
  rte_mempool* const pool_;
  const uint64_t ms_;  // of a window, in TSC cycles
  uint64_t boundary_;  // the next window's beginning; until the first call: how long to warm up
  bool begun_ = false, done_ = false;
  Moment sum_;
  std::vector<Moment> moments_;
  std::atomic<uint64_t> transmitted_{0};
};

void ReplayPort::keep_moment(uint64_t now) noexcept {
  Moment& m = moments_.emplace_back(sum_);
  m.tsc = now;
  m.thread_ns = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  m.process_ns = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
  m.transmitted = transmitted_.load(std::memory_order_relaxed);
  boundary_ += ms_;
  if (moments_.size() <= windows_) return;
  done_ = true;
  write_report();
}

void ReplayPort::write_report() const noexcept {
  const std::string unfinished = report_ + ".part";
  std::FILE* f = std::fopen(unfinished.c_str(), "w");
  if (!f) {
    std::perror(unfinished.c_str());
    return;
  }
  std::fprintf(f,
               "{\"tsc_hz\": %llu, \"lap\": {\"packets\": %zu, \"bytes\": %llu, \"flows\": "
               "%u},\n\"moments\": [",
               static_cast<unsigned long long>(rte_get_tsc_hz()), source_.frames(),
               static_cast<unsigned long long>(source_.bytes()), source_.flows());
  const char* separator = "";
  for (const Moment& m : moments_) {
    const auto u = [](uint64_t v) { return static_cast<unsigned long long>(v); };
    std::fprintf(
        f,
        "%s\n{\"tsc\": %llu, \"thread_ns\": %llu, \"process_ns\": %llu, \"packets\": %llu, "
        "\"bytes\": %llu, \"flows\": %llu, \"transmitted\": %llu, \"port_cycles\": %llu, "
        "\"starved\": %llu}",
        separator, u(m.tsc), u(m.thread_ns), u(m.process_ns), u(m.packets), u(m.bytes), u(m.flows),
        u(m.transmitted), u(m.port_cycles), u(m.starved));
    separator = ",";
  }
  std::fputs("]}\n", f);
  // Whoever waits for the file finds all of it.
  if (std::fclose(f) == 0) std::rename(unfinished.c_str(), report_.c_str());
}

uint16_t ReplayPort::receive(rte_mbuf** pkts, uint16_t n) noexcept {
  if (done_) return 0;
  const uint64_t begin = rte_rdtsc();
  if (!begun_) {
    begun_ = true;
    boundary_ += begin;
    const char* nice = std::getenv("REPLAY_NICE");
    if (nice) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), std::atoi(nice));
  }
  if (begin >= boundary_) {
    keep_moment(begin);
    if (done_) return 0;
  }
  if (rte_pktmbuf_alloc_bulk(pool_, pkts, n) != 0) {
    ++sum_.starved;
    return 0;
  }
  for (uint16_t i = 0; i < n; ++i) {
    rte_mbuf* m = pkts[i];
    uint32_t lap;
    const ReplayFrame& frame = source_.next(lap);
    source_.write(rte_pktmbuf_mtod(m, uint8_t*), frame, lap);
    m->data_len = frame.length;
    m->pkt_len = frame.length;
    // As a NIC that verifies checksums.
    m->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    sum_.bytes += frame.length;
    sum_.flows += frame.opens;
  }
  sum_.packets += n;
  sum_.port_cycles += rte_rdtsc() - begin;
  return n;
}

ReplayPort* the_port = nullptr;
rte_mempool* pools[kMostPorts];
bool watched[kMostPorts];

uint16_t on_receive(uint16_t, uint16_t, rte_mbuf** pkts, uint16_t got, uint16_t room,
                    void* port) noexcept {
  return got != 0 ? got : static_cast<ReplayPort*>(port)->receive(pkts, room);
}

uint16_t on_transmit(uint16_t, uint16_t, rte_mbuf**, uint16_t n, void*) noexcept {
  if (the_port) the_port->transmitted(n);
  return n;
}

template <typename Function>
Function* next_of(const char* name) {
  auto* function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
  if (!function) {
    std::fprintf(stderr, "replay port: this program has no %s\n", name);
    std::abort();
  }
  return function;
}

// Before its first start. 0, or a negative errno.
int watch(uint16_t port_id) noexcept {
  char name[RTE_ETH_NAME_MAX_LEN];
  rte_eth_dev_info info;
  if (watched[port_id] || rte_eth_dev_get_name_by_port(port_id, name) != 0 ||
      rte_eth_dev_info_get(port_id, &info) != 0) {
    return 0;
  }
  watched[port_id] = true;
  try {
    for (uint16_t q = 0; q < info.nb_tx_queues; ++q) {
      if (!rte_eth_add_tx_callback(port_id, q, on_transmit, nullptr)) return -ENOTSUP;
    }
    if (name != variable("REPLAY_PORT", "net_null0")) return 0;
    static std::unique_ptr<ReplayPort> port = std::make_unique<ReplayPort>(pools[port_id]);
    the_port = port.get();
    if (!rte_eth_add_rx_callback(port_id, 0, on_receive, the_port)) return -ENOTSUP;
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "replay port: %s\n", e.what());
    return -EINVAL;
  }
}

}  // namespace

}  // namespace sluice::bench

extern "C" {

int rte_eth_rx_queue_setup(uint16_t port_id, uint16_t queue, uint16_t descriptors, unsigned socket,
                           const rte_eth_rxconf* conf, rte_mempool* pool) {
  if (port_id < sluice::bench::kMostPorts) sluice::bench::pools[port_id] = pool;
  return sluice::bench::next_of<decltype(rte_eth_rx_queue_setup)>("rte_eth_rx_queue_setup")(
      port_id, queue, descriptors, socket, conf, pool);
}

int rte_eth_dev_start(uint16_t port_id) {
  if (const int error = sluice::bench::watch(port_id); error != 0) return error;
  return sluice::bench::next_of<decltype(rte_eth_dev_start)>("rte_eth_dev_start")(port_id);
}

}  // extern "C"

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/conversation.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "bench/firewall_rules.h"

namespace sluice::bench {

namespace {

constexpr unsigned kMbufs = 256;
constexpr rte_be32_t kServer = RTE_BE32(0xc6336407);
constexpr rte_be16_t kHttp = RTE_BE16(80);
constexpr uint32_t kClientSeq = 1000, kServerSeq = 5000;

const std::string kRequest =
    "GET /assets/site.css?v=20240101 HTTP/1.1\r\nHost: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: text/css,*/*;q=0.1\r\nAccept-Language: en\r\nConnection: keep-alive\r\n\r\n";
const std::string kAnswer =
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/css\r\nContent-Length: 600\r\n\r\n" +
    std::string(600, 'a');

struct Moment {
  bool reply;
  uint8_t flags;
  std::string payload;
};

void add(std::atomic<uint64_t>& sum, uint64_t n) noexcept {
  sum.store(sum.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

std::vector<Step> http_steps() {
  constexpr uint8_t kAck = RTE_TCP_ACK_FLAG;
  const std::vector<Moment> moments = {{false, RTE_TCP_SYN_FLAG, ""},
                                       {true, RTE_TCP_SYN_FLAG | kAck, ""},
                                       {false, kAck, ""},
                                       {false, RTE_TCP_PSH_FLAG | kAck, kRequest},
                                       {true, RTE_TCP_PSH_FLAG | kAck, kAnswer},
                                       {false, RTE_TCP_FIN_FLAG | kAck, ""},
                                       {true, RTE_TCP_FIN_FLAG | kAck, ""},
                                       {false, kAck, ""}};
  std::vector<Step> steps;
  uint32_t seq[2] = {kClientSeq, kServerSeq};
  for (const Moment& moment : moments) {
    Step step{moment.reply, std::vector<uint8_t>(sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) +
                                                 sizeof(rte_tcp_hdr) + moment.payload.size())};
    uint8_t* frame = step.frame.data();
    frame[0] = frame[6] = 2;
    frame[12] = 0x08;
    rte_ipv4_hdr ip{};
    ip.version_ihl = 0x45;
    ip.total_length =
        rte_cpu_to_be_16(static_cast<uint16_t>(step.frame.size() - sizeof(rte_ether_hdr)));
    ip.time_to_live = 64;
    ip.next_proto_id = IPPROTO_TCP;
    const rte_be32_t client = RTE_BE32(0x0a000001);
    ip.src_addr = moment.reply ? kServer : client;
    ip.dst_addr = moment.reply ? client : kServer;
    std::memcpy(frame + sizeof(rte_ether_hdr), &ip, sizeof ip);
    rte_tcp_hdr tcp{};
    tcp.src_port = moment.reply ? kHttp : RTE_BE16(40000);
    tcp.dst_port = moment.reply ? RTE_BE16(40000) : kHttp;
    tcp.sent_seq = rte_cpu_to_be_32(seq[moment.reply]);
    if (moment.flags & kAck) tcp.recv_ack = rte_cpu_to_be_32(seq[!moment.reply]);
    tcp.data_off = 5 << 4;
    tcp.tcp_flags = moment.flags;
    tcp.rx_win = RTE_BE16(64000);
    std::memcpy(frame + sizeof(rte_ether_hdr) + sizeof ip, &tcp, sizeof tcp);
    std::memcpy(frame + step.frame.size() - moment.payload.size(), moment.payload.data(),
                moment.payload.size());
    seq[moment.reply] += static_cast<uint32_t>(moment.payload.size());
    if (moment.flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG)) ++seq[moment.reply];
    steps.push_back(std::move(step));
  }
  return steps;
}

std::vector<Step> datagram_steps() {
  constexpr uint16_t kFrame = 60;
  Step step{false, std::vector<uint8_t>(kFrame)};
  uint8_t* frame = step.frame.data();
  frame[0] = frame[6] = 2;
  frame[12] = 0x08;
  rte_ipv4_hdr ip{};
  ip.version_ihl = 0x45;
  ip.total_length = rte_cpu_to_be_16(kFrame - sizeof(rte_ether_hdr));
  ip.time_to_live = 64;
  ip.next_proto_id = IPPROTO_UDP;
  std::memcpy(frame + sizeof(rte_ether_hdr), &ip, sizeof ip);
  rte_udp_hdr udp{};
  udp.dgram_len = rte_cpu_to_be_16(kFrame - sizeof(rte_ether_hdr) - sizeof(rte_ipv4_hdr));
  std::memcpy(frame + sizeof(rte_ether_hdr) + sizeof ip, &udp, sizeof udp);
  return {step};
}

std::string http_toml(bool dpi, unsigned rules) {
  return std::string(R"(
[[port]]
name = "a"
device = "net_null0"
peer = "b"
[[port]]
name = "b"
device = "net_null1"
peer = "a"
[[lane]]
lcore = 1
[flowtable]
capacity = 1000000
[flowtable.timeouts]
tcp_time_wait = 1
udp_new = 1
[[stage.identity.binding]]
prefix = ["10.0.0.0/8"]
user = "clients"
groups = ["inside"]
)") + firewall_rules(rules) +
         R"([[chain]]
name = "default"
)" + (dpi ? R"(stages = ["identity", "dpi", "firewall", "forwarding"])"
              : R"(stages = ["identity", "firewall", "forwarding"])") +
         "\n";
}

Conversations::Conversations(rte_mempool* pool, std::vector<Step> steps)
    : steps_(std::move(steps)), client_(*this, false), server_(*this, true) {
  server_.port = 1;
  static std::atomic<unsigned> number{0};
  const std::string name = "bench_talk_" + std::to_string(number++);
  free_ = rte_ring_create(name.c_str(), 2 * kMbufs, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (!free_) throw std::runtime_error("no ring for the benchmark's frames");
  for (unsigned i = 0; i < kMbufs; ++i) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    if (!m) throw std::runtime_error("no mbuf for the benchmark's frames");
    rte_ring_sp_enqueue(free_, m);
  }
}

Conversations::~Conversations() {
  void* m = nullptr;
  while (rte_ring_sc_dequeue(free_, &m) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
  rte_ring_free(free_);
}

void Conversations::write(rte_mbuf* m, const Step& step, uint32_t connection) const noexcept {
  m->data_len = static_cast<uint16_t>(step.frame.size());
  m->pkt_len = m->data_len;
  m->ol_flags = 0;
  auto* frame = rte_pktmbuf_mtod(m, uint8_t*);
  std::memcpy(frame, step.frame.data(), step.frame.size());
  auto* ip = rte_pktmbuf_mtod_offset(m, rte_ipv4_hdr*, sizeof(rte_ether_hdr));
  auto* tcp = reinterpret_cast<rte_tcp_hdr*>(ip + 1);
  const rte_be32_t client = rte_cpu_to_be_32(0x0a000000u | (connection & 0xfffff));
  const rte_be16_t near =
      rte_cpu_to_be_16(static_cast<uint16_t>(1024 + (connection >> 20) * 7 % 60000));
  ip->src_addr = step.reply ? kServer : client;
  ip->dst_addr = step.reply ? client : kServer;
  tcp->src_port = step.reply ? kHttp : near;
  tcp->dst_port = step.reply ? near : kHttp;
}

uint16_t Conversations::take(bool replies, rte_mbuf** pkts, uint16_t n) noexcept {
  if (!running_.load(std::memory_order_relaxed) && step_ == 0 && written_ == 0) return 0;
  if (steps_[step_].reply != replies) return 0;
  const uint64_t begin = rte_rdtsc();
  n = static_cast<uint16_t>(std::min<unsigned>(n, kTogether - written_));
  n = static_cast<uint16_t>(
      rte_ring_sc_dequeue_burst(free_, reinterpret_cast<void**>(pkts), n, nullptr));
  for (unsigned i = 0; i < n; ++i) write(pkts[i], steps_[step_], first_ + written_ + i);
  written_ += n;
  if (written_ == kTogether) {
    written_ = 0;
    if (++step_ == steps_.size()) {
      step_ = 0;
      first_ += kTogether;
      add(connections_, kTogether);
    }
  }
  add(io_cycles_, rte_rdtsc() - begin);
  return n;
}

uint16_t ConversationPort::receive(rte_mbuf** pkts, uint16_t n) noexcept {
  return all_.take(replies_, pkts, n);
}

uint16_t ConversationPort::transmit(rte_mbuf** pkts, uint16_t n) noexcept {
  const uint64_t begin = rte_rdtsc();
  rte_ring_sp_enqueue_bulk(all_.free_, reinterpret_cast<void**>(pkts), n, nullptr);
  add(all_.io_cycles_, rte_rdtsc() - begin);
  return n;
}

}  // namespace sluice::bench

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Hugepages by size and NUMA node against what the configuration needs, and memory.

#include <algorithm>
#include <map>

#include "app/doctor/examination.h"
#include "app/host.h"
#include "app/text_table.h"

namespace sluice {

namespace {

constexpr const char* kTopic = "hugepages";
// Entry, index, links and spare, as bench/run.sh measures them; more stages than
// the usual four add to it.
constexpr uint64_t kBytesPerFlow = 256;
constexpr uint64_t kSmallPage = uint64_t{2} << 20;
constexpr uint64_t kLargePage = uint64_t{1} << 30;

struct Need {
  uint64_t pools = 0;   // DPDK's: either size of page serves
  uint64_t tables = 0;  // flow tables: pages of 2 MiB
  uint64_t sum() const { return pools + tables; }
};

// By NUMA node. What is on no node, or on one unknown, is asked of the first.
std::map<int, Need> needs(Examination& e) {
  std::map<int, Need> out;
  const uint64_t pools = uint64_t{eal_memory_mb(e.config)} << 20;
  const auto node_of = [&](const LaneConfig& lane) {
    if (e.mapped_by_hand() || lane.workers.empty()) return 0;
    return std::max(0, cpu_numa_node(lane.workers.front().lcore, e.tree));
  };
  for (const LaneConfig& lane : e.config.lanes) {
    out[node_of(lane)].tables += e.config.flowtable.capacity * kBytesPerFlow;
  }
  // Each node with a port has a pool for all of them.
  for (const PortConfig& port : e.config.ports) {
    if (port.is_pci) out[std::max(0, e.facts(port.device).numa_node)].pools = pools;
  }
  const bool pooled =
      std::any_of(out.begin(), out.end(), [](const auto& node) { return node.second.pools != 0; });
  if (!pooled) out[out.empty() ? 0 : out.begin()->first].pools = pools;
  return out;
}

struct Pages {
  uint64_t total = 0, free = 0;  // pages
};

// The folder of a node's pages; of the whole machine where nodes are not shown.
std::string pages_folder(const Examination& e, int node) {
  const std::string own = "/sys/devices/system/node/node" + std::to_string(node) + "/hugepages";
  return e.tree.exists(own) ? own : "/sys/kernel/mm/hugepages";
}

std::string page_file(const Examination& e, int node, uint64_t size) {
  return pages_folder(e, node) + "/hugepages-" + std::to_string(size >> 10) + "kB";
}

Pages pages(const Examination& e, int node, uint64_t size) {
  const std::string folder = page_file(e, node, size);
  return {e.tree.number(folder + "/nr_hugepages").value_or(0),
          e.tree.number(folder + "/free_hugepages").value_or(0)};
}

// What a node could give away. Its own file counts free memory alone, without
// what the kernel would let go.
uint64_t spare_memory(const Examination& e) {
  return available_memory_bytes(e.tree);
}

Fix reserve(const Pages& now, const std::string& file, uint64_t more) {
  return {.stage = FixStage::ReservePages,
          .actions = {write_to(std::to_string(now.total + more), file)},
          .touches = {}};
}

void node_pages(Examination& e, int node, const Need& need, size_t nodes) {
  Pages small = pages(e, node, kSmallPage);
  const Pages large = pages(e, node, kLargePage);
  // Nobody says which node they are on.
  if (nodes == 1) small.free += huge_pages(e.tree).stale_bytes / kSmallPage;
  const std::string name = nodes > 1 ? "hugepages, node " + std::to_string(node) : "hugepages";
  const uint64_t free_small = small.free * kSmallPage, free_large = large.free * kLargePage;
  // Only DPDK's part may come from the large ones.
  const uint64_t from_large = std::min(need.pools, free_large);
  std::string found = "free: " + std::to_string(small.free) + " of 2 MiB, " +
                      std::to_string(large.free) + " of 1 GiB; needed: about " +
                      format_bytes(need.sum());
  if (e.running.process != 0) {
    e.pass(kTopic, name, "not counted: what runs has its part");
    return;
  }
  if (need.sum() <= free_small + from_large) {
    e.pass(kTopic, name, found);
    return;
  }
  const uint64_t lacking = need.sum() - from_large - free_small;
  const uint64_t more = (lacking + kSmallPage - 1) / kSmallPage;
  const std::string file = page_file(e, node, kSmallPage) + "/nr_hugepages";
  // `run` decides by the whole machine's pages whether it takes any.
  const uint64_t least = uint64_t{least_eal_memory_mb(e.config)} << 20;
  const bool taken = huge_pages(e.tree).free_bytes >= least;
  if (taken && e.has_pci_ports() && need.pools != 0 && free_small + free_large < least) {
    e.fail(kTopic, name, std::move(found),
           "the other nodes have pages enough for `run` to take them, and this one too few for "
           "the mempool of its ports: it would not start",
           {}, reserve(small, file, more));
    return;
  }
  const std::string meaning = taken ? "what finds none is ordinary memory, which is slower"
                                    : "ordinary memory serves in their place, which is slower";
  // Half of what is left stays with the rest of the system.
  if (more * kSmallPage > spare_memory(e) / 2) {
    e.warn(kTopic, name, std::move(found),
           meaning + "; so many would take more than half of the memory that is left",
           "smaller flowtable.capacity, fewer lanes, or: " +
               to_shell(write_to(std::to_string(small.total + more), file)));
    return;
  }
  e.warn(kTopic, name, std::move(found), meaning, {}, reserve(small, file, more));
}

void mount(Examination& e) {
  const auto mounts = huge_mounts(e.tree);
  // DPDK locks the folder of each size, the second time it waits for itself.
  for (size_t i = 0; i < mounts.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (mounts[i].folder != mounts[k].folder) continue;
      e.fail(kTopic, "hugetlbfs", "mounted twice on " + printable(mounts[i].folder),
             "DPDK would wait for ever for a lock that it has itself",
             "umount " + printable(mounts[i].folder) +
                 " (and mount each size on a folder of its own)");
      return;
    }
  }
  const auto size_is_mounted = [&](uint64_t bytes) {
    return std::any_of(mounts.begin(), mounts.end(),
                       [&](const HugeMount& m) { return m.page_kb << 10 == bytes; });
  };
  const auto has = [&](uint64_t bytes) {
    const std::string folder =
        "/sys/kernel/mm/hugepages/hugepages-" + std::to_string(bytes >> 10) + "kB";
    return e.tree.number(folder + "/nr_hugepages").value_or(0) != 0;
  };
  const bool small_lacks = !size_is_mounted(kSmallPage) && (mounts.empty() || has(kSmallPage));
  if (!small_lacks) {
    std::vector<std::string> folders;
    for (const HugeMount& m : mounts) folders.push_back(printable(m.folder));
    e.pass(kTopic, "hugetlbfs", "mounted on " + join_words(folders));
    return;
  }
  // systemd mounts the default size there, which may be another.
  const bool taken = std::any_of(mounts.begin(), mounts.end(),
                                 [](const HugeMount& m) { return m.folder == "/dev/hugepages"; });
  const std::string at = taken ? "/dev/hugepages2M" : "/dev/hugepages";
  e.warn(kTopic, "hugetlbfs", mounts.empty() ? "not mounted" : "not mounted for pages of 2 MiB",
         "DPDK takes hugepages through it, and none without", {},
         {.stage = FixStage::MountPages,
          .actions = {command({"mkdir", "-p", at}),
                      command({"mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "hugetlbfs", at})},
          .touches = {}});
}

}  // namespace

void probe_memory(Examination& e) {
  const auto by_node = needs(e);
  uint64_t sum = 0;
  for (const auto& [node, need] : by_node) sum += need.sum();
  if (e.options.no_huge) {
    e.pass(kTopic, "hugepages", "not wanted (--no-huge)");
  } else {
    for (const auto& [node, need] : by_node) node_pages(e, node, need, by_node.size());
    mount(e);
  }
  const HugePages huge = huge_pages(e.tree);
  const bool has_pages = !e.options.no_huge && !huge.mount.empty();
  const uint64_t in_pages = has_pages ? std::min(sum, huge.free_bytes) : 0;
  const bool covered = in_pages == sum;
  const uint64_t available = spare_memory(e);
  const std::string found =
      "available: " + format_bytes(available) + "; needed: about " + format_bytes(sum);
  if (e.running.process != 0) {
    e.pass(kTopic, "memory", "not counted: what runs has its part");
  } else if (available >= sum - in_pages) {
    e.pass(kTopic, "memory", covered ? found + ", all in hugepages" : found);
  } else {
    e.fail(kTopic, "memory", found, "the appliance would not start, or the kernel would end it",
           "smaller flowtable.capacity, fewer lanes, or more memory");
  }
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/frame_pool.h"

#include <rte_errno.h>
#include <rte_mempool.h>

#include <stdexcept>
#include <string>

namespace sluice::bench {

FramePool::FramePool(unsigned size) {
  constexpr uint16_t kRoom = 2048;
  pool_ = rte_mempool_create_empty("bench", size, sizeof(rte_mbuf) + kRoom, 0,
                                   sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY,
                                   RTE_MEMPOOL_F_NO_IOVA_CONTIG);
  if (!pool_) throw std::runtime_error(std::string("no pool of frames: ") + rte_strerror(rte_errno));
  rte_pktmbuf_pool_private layout{};
  layout.mbuf_data_room_size = kRoom;
  rte_pktmbuf_pool_init(pool_, &layout);
  const size_t each = pool_->header_size + pool_->elt_size + pool_->trailer_size;
  memory_ = std::make_unique<FlowMemory>(size * each + RTE_CACHE_LINE_SIZE, true, SOCKET_ID_ANY);
  const int populated =
      rte_mempool_populate_iova(pool_, reinterpret_cast<char*>(memory_->data()), RTE_BAD_IOVA,
                                memory_->size(), nullptr, nullptr);
  if (populated != static_cast<int>(size)) {
    rte_mempool_free(pool_);
    throw std::runtime_error("no memory for frames");
  }
  rte_mempool_obj_iter(pool_, rte_pktmbuf_init, nullptr);
}

FramePool::~FramePool() {
  rte_mempool_free(pool_);
}

}  // namespace sluice::bench

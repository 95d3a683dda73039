// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/capture_port.h"

#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <memory>

#include "chain/packet_meta.h"
#include "tests/support/test_environment.h"
#include "tests/unit/app/capture_file.h"

namespace sluice::test {
namespace {

constexpr unsigned kMbufs = 255;

class CapturePortTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static unsigned number = 0;
    pool_ = create_capture_pool("capture_port_test_" + std::to_string(number++), kMbufs);
  }
  void TearDown() override {
    EXPECT_EQ(rte_mempool_avail_count(pool_), kMbufs) << "mbufs not given back";
    rte_mempool_free(pool_);
  }

  rte_mempool* pool_ = nullptr;
};

TEST_F(CapturePortTest, GivesEachFrameAsOneSegmentWithItsTime) {
  const TemporaryFile file(
      PcapBytes(DLT_EN10MB, true).frame(5, 6, Bytes(60, 1)).frame(7, 8, Bytes(65535, 2)).bytes());
  CaptureReader reader(file.path());
  CaptureInput input(reader, pool_, 3);
  EXPECT_TRUE(input.has_own_clock());
  EXPECT_EQ(input.port, 3);
  rte_mbuf* pkts[32];
  ASSERT_EQ(input.receive(pkts, 32), 2);
  EXPECT_EQ(pkts[0]->data_len, 60);
  EXPECT_EQ(pkts[0]->pkt_len, 60u);
  EXPECT_EQ(pkts[0]->nb_segs, 1);
  EXPECT_EQ(meta(pkts[0]).time_ns, 5'000'000'006u);
  EXPECT_EQ(pkts[1]->data_len, 65535);
  EXPECT_EQ(*rte_pktmbuf_mtod_offset(pkts[1], uint8_t*, 65534), 2);
  EXPECT_EQ(input.frames(), 2u);
  EXPECT_EQ(input.bytes(), 65595u);
  EXPECT_EQ(input.first_ns(), 5'000'000'006u);
  EXPECT_EQ(input.last_ns(), 7'000'000'008u);
  rte_pktmbuf_free_bulk(pkts, 2);
  EXPECT_EQ(input.receive(pkts, 32), 0);
  EXPECT_TRUE(input.exhausted());
}

TEST_F(CapturePortTest, KeepsAFrameForWhichThereIsNoMbuf) {
  PcapBytes capture(DLT_EN10MB);
  for (unsigned i = 0; i <= kMbufs; ++i) capture.frame(i, 0, Bytes(60, static_cast<uint8_t>(i)));
  const TemporaryFile file(capture.bytes());
  CaptureReader reader(file.path());
  CaptureInput input(reader, pool_, 0);
  rte_mbuf* pkts[kMbufs + 1];
  ASSERT_EQ(input.receive(pkts, kMbufs + 1), kMbufs);
  EXPECT_FALSE(input.exhausted());
  rte_mbuf* last = nullptr;
  EXPECT_EQ(input.receive(&last, 1), 0);
  rte_pktmbuf_free_bulk(pkts, kMbufs);
  ASSERT_EQ(input.receive(&last, 1), 1);
  EXPECT_EQ(*rte_pktmbuf_mtod(last, uint8_t*), static_cast<uint8_t>(kMbufs));
  rte_pktmbuf_free(last);
}

TEST_F(CapturePortTest, WritesWhatIsTransmittedAndFreesIt) {
  const TemporaryFile in(PcapBytes(DLT_EN10MB, true).frame(5, 6, Bytes(60, 1)).bytes());
  const TemporaryFile out;
  CaptureReader reader(in.path());
  CaptureInput input(reader, pool_, 0);
  CaptureWriter writer(out.path());
  CaptureOutput output(&writer);
  rte_mbuf* m = nullptr;
  ASSERT_EQ(input.receive(&m, 1), 1);
  EXPECT_EQ(output.transmit(&m, 1), 1);
  ASSERT_TRUE(writer.close());
  CaptureReader back(out.path());
  CapturedFrame frame;
  ASSERT_TRUE(back.next(frame));
  EXPECT_EQ(Bytes(frame.bytes.begin(), frame.bytes.end()), Bytes(60, 1));
  EXPECT_EQ(frame.time_ns, 5'000'000'006u);
}

#ifdef SLUICE_SANITIZE
using CapturePortDeathTest = CapturePortTest;

// The reason for heap buffers of exact length: one byte too many is caught.
TEST_F(CapturePortDeathTest, EndsTheProgramOnAReadBehindAFrame) {
  for (const size_t size : {0u, 1u, 60u, 64u, 1500u}) {
    const TemporaryFile file(PcapBytes(DLT_EN10MB).frame(1, 0, Bytes(size, 1)).bytes());
    CaptureReader reader(file.path());
    CaptureInput input(reader, pool_, 0);
    rte_mbuf* m = nullptr;
    ASSERT_EQ(input.receive(&m, 1), 1);
    const volatile uint8_t* data = rte_pktmbuf_mtod(m, uint8_t*);
    EXPECT_DEATH((void)data[size], "AddressSanitizer") << size << " bytes";
    rte_pktmbuf_free(m);
  }
}
#endif

}  // namespace
}  // namespace sluice::test

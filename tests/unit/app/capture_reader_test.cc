// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/capture_reader.h"

#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <random>
#include <stdexcept>

#include "tests/unit/app/capture_file.h"

namespace sluice::test {
namespace {

const Bytes kFrame = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45};

Bytes copy(const CapturedFrame& frame) {
  return {frame.bytes.begin(), frame.bytes.end()};
}

std::string refusal(const Bytes& content) {
  const TemporaryFile file(content);
  try {
    CaptureReader reader(file.path());
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find(file.path()), std::string::npos) << "names no file";
    return e.what();
  }
  return "";
}

TEST(CaptureReader, ReadsMicrosecondsAsNanoseconds) {
  const TemporaryFile file(PcapBytes(DLT_EN10MB).frame(10, 123456, kFrame).bytes());
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.time_ns, 10'123'456'000u);
  EXPECT_EQ(copy(frame), kFrame);
  EXPECT_FALSE(reader.next(frame));
  EXPECT_EQ(reader.damage(), "");
  EXPECT_EQ(reader.frames(), 1u);
}

TEST(CaptureReader, KeepsNanoseconds) {
  const TemporaryFile file(PcapBytes(DLT_EN10MB, true).frame(10, 123456789, kFrame).bytes());
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.time_ns, 10'123'456'789u);
}

TEST(CaptureReader, ReadsPcapngWithNanoseconds) {
  const TemporaryFile file(
      PcapngBytes(DLT_EN10MB).frame(1'700'000'000'123'456'789, kFrame).bytes());
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.time_ns, 1'700'000'000'123'456'789u);
  EXPECT_EQ(copy(frame), kFrame);
}

TEST(CaptureReader, PassesTimeOnThatGoesBackwards) {
  const TemporaryFile file(PcapBytes(DLT_EN10MB).frame(20, 0, kFrame).frame(10, 0, kFrame).bytes());
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.time_ns, 10'000'000'000u);
}

TEST(CaptureReader, GivesTruncatedFramesAsTheyWereCaptured) {
  const TemporaryFile file(PcapBytes(DLT_EN10MB).frame(1, 0, 15, 1500, kFrame).bytes());
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.bytes.size(), 15u);
}

TEST(CaptureReader, GivesFramesOfNoBytesAtAll) {
  const TemporaryFile file(PcapBytes(DLT_EN10MB).frame(1, 0, {}).bytes());
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.bytes.size(), 0u);
}

TEST(CaptureReader, TakesFramesUpTo65535BytesAndCutsLongerOnes) {
  const Bytes longest(65535, 7);
  const Bytes longer(65536, 7);
  const TemporaryFile file(PcapBytes(DLT_EN10MB).frame(1, 0, longest).frame(2, 0, longer).bytes());
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.bytes.size(), 65535u);
  EXPECT_EQ(reader.cut_frames(), 0u);
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.bytes.size(), 65535u);
  EXPECT_EQ(reader.cut_frames(), 1u);
}

TEST(CaptureReader, ConvertsOtherLinkTypes) {
  const TemporaryFile file(PcapBytes(101).frame(1, 0, {0x60, 1, 2}).bytes());  // LINKTYPE_RAW
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.bytes.size(), 17u);
  EXPECT_EQ(frame.bytes[12] << 8 | frame.bytes[13], 0x86dd);
}

TEST(CaptureReader, RefusesALinkTypeByName) {
  const std::string message = refusal(PcapBytes(105).bytes());  // LINKTYPE_IEEE802_11
  EXPECT_NE(message.find("found link type IEEE802_11"), std::string::npos) << message;
  EXPECT_NE(message.find("EN10MB"), std::string::npos) << message;
}

TEST(CaptureReader, RefusesWhatIsNoCapture) {
  EXPECT_NE(refusal({}), "");
  EXPECT_NE(refusal({'h', 'e', 'l', 'l', 'o', ' ', 'w', 'o', 'r', 'l', 'd'}), "");
  EXPECT_THROW(CaptureReader("/nonexistent/file.pcap"), std::runtime_error);
}

TEST(CaptureReader, GivesWhatCameBeforeTheDamageOfACutFile) {
  Bytes bytes = PcapBytes(DLT_EN10MB).frame(1, 0, kFrame).frame(2, 0, kFrame).bytes();
  bytes.resize(bytes.size() - 5);
  const TemporaryFile file(bytes);
  CaptureReader reader(file.path());
  CapturedFrame frame;
  EXPECT_TRUE(reader.next(frame));
  EXPECT_FALSE(reader.next(frame));
  EXPECT_NE(reader.damage(), "");
  EXPECT_FALSE(reader.next(frame)) << "goes on behind the damage";
  EXPECT_EQ(reader.frames(), 1u);
}

TEST(CaptureReader, SurvivesAnyTimeAndAnyLength) {
  PcapBytes hostile(DLT_EN10MB, true);
  hostile.frame(0xffffffff, 0xffffffff, kFrame).frame(1, 0, 0x7fffffff, 0x7fffffff, kFrame);
  const TemporaryFile file(hostile.bytes());
  CaptureReader reader(file.path());
  CapturedFrame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_LT(frame.time_ns, UINT64_MAX / 1'000);
  EXPECT_FALSE(reader.next(frame));
  EXPECT_NE(reader.damage(), "");
}

TEST(CaptureReader, SurvivesFlippedBytes) {
  std::mt19937 random(1);
  const Bytes originals[] = {
      PcapBytes(DLT_EN10MB).frame(1, 2, kFrame).frame(3, 4, Bytes(200, 9)).bytes(),
      PcapBytes(113).frame(1, 2, kFrame).frame(3, 4, Bytes(200, 9)).bytes(),
      PcapngBytes(DLT_EN10MB).frame(1, kFrame).frame(2, Bytes(200, 9)).bytes()};
  for (unsigned i = 0; i < 600; ++i) {
    Bytes bytes = originals[i % 3];
    for (unsigned flip = 0; flip < 3; ++flip) {
      bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    }
    const TemporaryFile file(bytes);
    try {
      CaptureReader reader(file.path());
      CapturedFrame frame;
      unsigned frames = 0;
      while (reader.next(frame)) {
        ASSERT_LE(frame.bytes.size(), CaptureReader::kMaxFrame);
        ASSERT_LT(++frames, 100u);
      }
    } catch (const std::runtime_error&) {
      // No capture any more: refused is as good as read.
    }
  }
}

}  // namespace
}  // namespace sluice::test

// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/capture_writer.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "app/capture_reader.h"
#include "tests/unit/app/capture_file.h"

namespace sluice::test {
namespace {

TEST(CaptureWriter, WritesWhatAReaderReadsBack) {
  const TemporaryFile file;
  const Bytes frames[] = {{1, 2, 3}, Bytes(CaptureReader::kMaxFrame, 4), {}};
  CaptureWriter writer(file.path());
  uint64_t time_ns = 1'700'000'000'000'000'001;
  for (const Bytes& frame : frames) writer.write(frame, time_ns++);
  ASSERT_TRUE(writer.close());

  CaptureReader reader(file.path());
  CapturedFrame read;
  time_ns = 1'700'000'000'000'000'001;
  for (const Bytes& frame : frames) {
    ASSERT_TRUE(reader.next(read));
    EXPECT_EQ(Bytes(read.bytes.begin(), read.bytes.end()), frame);
    EXPECT_EQ(read.time_ns, time_ns++);
  }
  EXPECT_FALSE(reader.next(read));
  EXPECT_EQ(reader.damage(), "");
}

TEST(CaptureWriter, ReplacesAnOlderFile) {
  const TemporaryFile file(Bytes(1000, 1));
  {
    CaptureWriter writer(file.path());
    EXPECT_TRUE(writer.close());
  }
  EXPECT_EQ(file.read().size(), 24u) << "more than a file header";
}

TEST(CaptureWriter, RefusesAFileThatCannotBe) {
  EXPECT_THROW(CaptureWriter("/nonexistent/out.pcap"), std::runtime_error);
}

TEST(CaptureWriter, SaysWhenTheDiskIsFull) {
  CaptureWriter writer("/dev/full");
  writer.write(Bytes(60'000, 1), 1);
  EXPECT_FALSE(writer.close());
}

}  // namespace
}  // namespace sluice::test

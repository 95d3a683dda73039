// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "chain/event.h"

namespace sluice {
namespace {

constexpr unsigned kFlowEvents = 8;
constexpr unsigned kAlertEvents = 4;

EventQueue make_queue() {
  return EventQueue("test", kFlowEvents, kAlertEvents, -1);
}

std::vector<Event*> take_all(EventQueue& queue) {
  std::vector<Event*> events(64);
  events.resize(queue.take(events.data(), 64));
  return events;
}

TEST(EventText, KeepsFieldsInWhateverOrderTheyAreSet) {
  Event event{};
  event.set_text(kTextMore, "GET");
  event.set_text(kTextHost, "www.example.org");
  event.set_text(kTextUrl, "/a?b=c");
  EXPECT_EQ(event.get_text(kTextHost), "www.example.org");
  EXPECT_EQ(event.get_text(kTextUrl), "/a?b=c");
  EXPECT_EQ(event.get_text(kTextAgent), "");
  EXPECT_EQ(event.get_text(kTextMore), "GET");
}

TEST(EventText, ReplacesAFieldThatIsSetAgain) {
  Event event{};
  event.set_text(kTextHost, "long.example.org");
  event.set_text(kTextUrl, "/");
  event.set_text(kTextHost, "a");
  EXPECT_EQ(event.get_text(kTextHost), "a");
  EXPECT_EQ(event.get_text(kTextUrl), "/");
  EXPECT_EQ(event.text_used, 2);
}

TEST(EventText, CutsWhatDoesNotFitAndLeavesTheOtherFieldsWhole) {
  Event event{};
  event.set_text(kTextHost, "host");
  event.set_text(kTextUrl, std::string(2 * Event::kTextCapacity, 'u'));
  event.set_text(kTextAgent, "agent");
  EXPECT_EQ(event.get_text(kTextHost), "host");
  EXPECT_EQ(event.get_text(kTextUrl), std::string(Event::kTextCapacity - 4, 'u'));
  EXPECT_EQ(event.get_text(kTextAgent), "");
}

TEST(EventQueue, GivesBackWhatWasPublishedInOrder) {
  EventQueue queue = make_queue();
  for (uint64_t i = 1; i <= 3; ++i) {
    Event* event = queue.allocate(EventType::Flow);
    ASSERT_NE(event, nullptr);
    event->time_ns = i;
    queue.publish(event);
  }
  const std::vector<Event*> events = take_all(queue);
  ASSERT_EQ(events.size(), 3u);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(events[i]->time_ns, i + 1);
    EventQueue::recycle(events[i]);
  }
}

TEST(EventQueue, TakesAlertsAndDropsBeforeFlows) {
  EventQueue queue = make_queue();
  for (const EventType type :
       {EventType::Flow, EventType::Drop, EventType::Http, EventType::Alert}) {
    queue.publish(queue.allocate(type));
  }
  const std::vector<Event*> events = take_all(queue);
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0]->type, EventType::Drop);
  EXPECT_EQ(events[1]->type, EventType::Alert);
  EXPECT_EQ(events[2]->type, EventType::Flow);
  EXPECT_EQ(events[3]->type, EventType::Http);
}

TEST(EventQueue, CountsEventsAsLostWhenItsPoolIsEmptyAndKeepsRoomForAlerts) {
  EventQueue queue = make_queue();
  for (unsigned i = 0; i < kFlowEvents; ++i) ASSERT_NE(queue.allocate(EventType::Flow), nullptr);
  EXPECT_EQ(queue.allocate(EventType::Tls), nullptr);
  EXPECT_EQ(queue.lost(), 1u);
  EXPECT_NE(queue.allocate(EventType::Alert), nullptr);
  EXPECT_EQ(queue.lost(), 1u);
}

TEST(EventQueue, CountsNothingAsLostWhenNobodyWantsEvents) {
  EventQueue queue = make_queue();
  queue.enabled = false;
  EXPECT_EQ(queue.allocate(EventType::Flow), nullptr);
  EXPECT_EQ(queue.lost(), 0u);
}

TEST(EventQueue, GivesRecordsOutAfreshHoweverTheyCameBack) {
  EventQueue queue = make_queue();
  for (unsigned round = 0; round < 3 * kFlowEvents; ++round) {
    Event* event = queue.allocate(EventType::Flow);
    ASSERT_NE(event, nullptr) << "round " << round;
    EXPECT_EQ(event->packets[0], 0u);
    EXPECT_EQ(event->get_text(kTextHost), "");
    event->packets[0] = 7;
    event->set_text(kTextHost, "host");
    queue.publish(event);
    for (Event* taken : take_all(queue)) EventQueue::recycle(taken);
  }
}

TEST(EventQueue, TakesRecordsOfAnotherWorkerAndReturnsThemToIt) {
  EventQueue first("first", kFlowEvents, kAlertEvents, -1);
  EventQueue last("last", kFlowEvents, kAlertEvents, -1);
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < kFlowEvents; ++i) {
      Event* event = first.allocate(EventType::Flow);
      ASSERT_NE(event, nullptr);
      last.publish(event);
    }
    EXPECT_TRUE(take_all(first).empty());
    const std::vector<Event*> events = take_all(last);
    ASSERT_EQ(events.size(), kFlowEvents);
    for (Event* event : events) EventQueue::recycle(event);
  }
  EXPECT_EQ(first.lost(), 0u);
}

TEST(EventQueue, WaitsForTheWriterWhereNothingMayBeLost) {
  EventQueue queue = make_queue();
  queue.wait_when_empty = true;
  constexpr uint64_t kEvents = 2000;
  std::thread worker([&queue] {
    for (uint64_t i = 0; i < kEvents; ++i) {
      Event* event = queue.allocate(EventType::Flow);
      event->time_ns = i;
      queue.publish(event);
    }
  });
  uint64_t taken = 0;
  while (taken < kEvents) {
    for (Event* event : take_all(queue)) {
      EXPECT_EQ(event->time_ns, taken++);
      EventQueue::recycle(event);
    }
    std::this_thread::yield();
  }
  worker.join();
  EXPECT_EQ(queue.lost(), 0u);
}

TEST(DescribeFlow, TellsTheFlowAndWhatTheStagesFound) {
  struct alignas(64) Entry {
    Flow flow;
    std::byte tail[sizeof(FlowContext)];
  } entry{};
  Flow& flow = entry.flow;
  flow.tail_distance = Flow::kHeadSize / 8;
  flow.key.proto = 6;
  flow.originator_end = 1;
  flow.packets[1] = 9;
  flow.bytes[0] = 100;
  flow.end_reason = EndReason::Replaced;
  HostName host{3, "abc"};
  FlowContext& c = context(flow);
  c.rule = 77;
  c.app = 5;
  c.app_master = 7;
  flow.ingress[0] = 3;
  c.host = &host;

  Event event{};
  event.type = EventType::Flow;
  describe_flow(event, flow);
  EXPECT_EQ(event.key, flow.key);
  EXPECT_EQ(event.originator_end, 1);
  EXPECT_EQ(event.packets[1], 9u);
  EXPECT_EQ(event.bytes[0], 100u);
  EXPECT_EQ(event.end_reason, EndReason::Replaced);
  EXPECT_EQ(event.rule, 77u);
  EXPECT_EQ(event.app, 5);
  EXPECT_EQ(event.app_master, 7);
  EXPECT_EQ(event.ingress, 3);
  EXPECT_EQ(event.get_text(kTextHost), "abc");
}

}  // namespace
}  // namespace sluice

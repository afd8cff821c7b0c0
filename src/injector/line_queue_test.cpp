#include "injector/line_queue.hpp"

#include <gmock/gmock.h>

namespace entropy::injector {
namespace {

using program::FaultStarted;
using program::Log;
using program::State;

State state(std::uint64_t revision) {
  State state;
  state.revision = revision;
  return state;
}

std::string drain(LineQueue& queue) {
  std::string out;
  while (!queue.empty()) {
    out += queue.front();
    queue.consume(queue.front().size());
  }
  return out;
}

std::string line(const program::Report& report) { return program::to_json_line(report) + "\n"; }

TEST(LineQueue, KeepsTheOrderAndCutsAnywhere) {
  LineQueue queue;
  queue.push_text("header\n");
  queue.push(Log{"a"});
  queue.push(State{});
  const std::string all = "header\n" + line(Log{"a"}) + line(State{});
  std::string out;
  while (!queue.empty()) {
    out += queue.front().substr(0, 3);
    queue.consume(std::min<std::size_t>(3, queue.front().size()));
  }
  EXPECT_EQ(out, all);
}

TEST(LineQueue, DropsLogsThenOldStatesThenOldFaults) {
  const FaultStarted started{{}, "kernel"};
  const std::size_t room = line(started).size() * 2 + line(state(1)).size();
  LineQueue queue(room);
  queue.push(state(1));
  queue.push(Log{std::string(100, 'x')});
  queue.push(started);
  queue.push(state(2));
  queue.push(started);
  EXPECT_EQ(drain(queue), line(started) + line(state(2)) + line(started));

  for (int i = 0; i < 5; ++i) queue.push(started);
  queue.push(state(3));
  EXPECT_EQ(drain(queue), line(started) + line(started) + line(state(3)));
}

TEST(LineQueue, NeverDropsAHalfWrittenLine) {
  LineQueue queue(10);
  queue.push(Log{"first"});
  const std::string first = line(Log{"first"});
  queue.consume(4);
  queue.push(Log{"second"});
  queue.push(Log{"third"});
  EXPECT_EQ(drain(queue), first.substr(4) + line(Log{"third"}));
}

TEST(LineQueue, StaysBounded) {
  LineQueue queue(1000);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    queue.push(state(i));
    queue.push(FaultStarted{});
    queue.push(Log{"text"});
  }
  const std::string rest = drain(queue);
  EXPECT_LE(rest.size(), 1000U);
  EXPECT_NE(rest.find("\"revision\":9999"), std::string::npos);
}

}  // namespace
}  // namespace entropy::injector

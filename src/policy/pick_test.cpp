#include "policy/pick.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

namespace entropy::policy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::SizeIs;

const std::set<std::string> five = {"web-1", "web-2", "web-3", "web-4", "web-5"};

TEST(Pick, PrintsWhatItReads) {
  for (const std::string text : {"all", "2", "50%", "0.5%", "7%", "29%", "33.3%", "66.4213563429384962%"}) {
    const auto pick = parse_pick(text);
    EXPECT_EQ(parse_pick(print_pick(*pick)), pick) << text;
    if (text.size() < 6) EXPECT_EQ(print_pick(*pick), text);
  }
  for (const auto* text : {"", "0", "-1", "0%", "101%", "some", "1.5"}) {
    const auto pick = parse_pick(text);
    ASSERT_FALSE(pick) << text;
    EXPECT_THAT(pick.error().message, HasSubstr("is no pick"));
  }
}

TEST(Pick, AShareIsRoundedUp) {
  EXPECT_EQ(pick_size({{}, 0.5}, 5), 3U);
  EXPECT_EQ(pick_size({{}, 0.1}, 30), 3U);
  EXPECT_EQ(pick_size({{}, 0.01}, 5), 1U);
  EXPECT_EQ(pick_size({7, {}}, 5), 5U);
  EXPECT_EQ(pick_size({}, 5), 5U);
}

TEST(Pick, EveryTargetHasItsTurn) {
  std::map<std::string, int> turns;
  for (std::uint64_t window = 0; window < 1000; ++window) {
    const auto chosen = picked({2, {}}, 42, "p", window, five);
    EXPECT_THAT(chosen, SizeIs(2));
    for (const auto& name : chosen) ++turns[name];
  }
  EXPECT_THAT(turns, SizeIs(5));
  for (const auto& [name, count] : turns) EXPECT_NEAR(count, 400, 80) << name;  // five standard deviations
}

// Written down, for whoever replays a seed elsewhere: these must never change.
TEST(Pick, IsTheSameOnEveryMachine) {
  EXPECT_EQ(picked({2, {}}, 42, "p", 0, five), (std::set<std::string>{"web-4", "web-5"}));
  EXPECT_EQ(picked({2, {}}, 42, "p", 3, five), (std::set<std::string>{"web-1", "web-4"}));
}

TEST(Pick, AnotherTargetTakesNobodysPlaceButTheLast) {
  const auto before = picked({3, {}}, 42, "p", 7, five);
  auto six = five;
  six.insert("web-6");
  const auto after = picked({3, {}}, 42, "p", 7, six);
  std::set<std::string> kept;
  std::ranges::set_intersection(before, after, std::inserter(kept, kept.end()));
  EXPECT_GE(kept.size(), 2U);
  EXPECT_THAT(picked({3, {}}, 42, "p", 7, six, {"web-6", "web-1"}), IsSupersetOf({"web-1", "web-6"}));
}

TEST(Pick, TheHorizonChangesSeldom) {
  Schedule schedule;
  schedule.epoch = Time(1'000'000s);
  schedule.frequency = 1s;
  const auto at = [&](Duration since) {
    const auto horizon = horizon_at(schedule, schedule.epoch + since);
    return std::pair(horizon.first, horizon.last);
  };
  EXPECT_EQ(at(0s), std::pair(0UL, 20UL));
  EXPECT_EQ(at(9s + 999ms), std::pair(0UL, 20UL));
  EXPECT_EQ(at(10s), std::pair(10UL, 30UL));
  schedule.frequency = 1h;
  EXPECT_EQ(at(90min), std::pair(1UL, 3UL));
  schedule.windows = 2;
  EXPECT_EQ(at(90min), std::pair(1UL, 2UL));
  EXPECT_EQ(at(3h), std::pair(0UL, 0UL));
  schedule.windows.reset();
  schedule.frequency.reset();
  EXPECT_EQ(at(100h), std::pair(0UL, 1UL));
}

}  // namespace
}  // namespace entropy::policy

#include "control/picks.hpp"

#include <gmock/gmock.h>

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using Names = std::set<std::string>;

class PicksTest : public testing::Test {
 protected:
  PicksTest() {
    policy.name = "p";
    policy.pick = {1, {}};
    policy.schedule.epoch = epoch;
    policy.schedule.frequency = 10s;
    policy.schedule.seed = 42;
  }
  // What a pass at that time decides; it remembers it.
  PolicyPicks pass(Duration since, Names names, bool complete = true) {
    return before["p"] = decide_picks(policy, before, {std::move(names), complete}, epoch + since);
  }
  // Whom a window takes if nobody had decided before.
  Names afresh(std::uint64_t window, const Names& names) const {
    return policy::picked(policy.pick, policy.schedule.seed, policy.name, window, names);
  }

  const Time epoch = Time(1'000'000s);
  const Names two = {"a", "b"};
  const Names many = {"a", "b", "c", "d", "e", "f", "g", "h"};
  policy::Policy policy;
  Picks before;
};

TEST_F(PicksTest, DecidesOnThisWindowAndTheNext) {
  const auto decided = pass(0s, two);
  ASSERT_EQ(decided.windows.size(), 2U);
  EXPECT_EQ(decided.windows.at(0), afresh(0, two));
  EXPECT_EQ(decided.windows.at(1), afresh(1, two));
}

TEST_F(PicksTest, WhoComesLaterWaitsForTheNextWindow) {
  pass(0s, two);
  const auto decided = pass(5s, many);
  EXPECT_EQ(decided.windows.at(0), afresh(0, two));
  EXPECT_EQ(decided.windows.at(1), afresh(1, many));
  EXPECT_EQ(pass(10s, two).windows.at(1), afresh(1, many)) << "it has begun";
}

TEST_F(PicksTest, AnOpenWindowIsKeptUntilItIsAccountedFor) {
  pass(0s, two);
  EXPECT_TRUE(pass(11s, two).windows.contains(0));
  EXPECT_FALSE(pass(31s, two).windows.contains(0));
}

TEST_F(PicksTest, NobodyIsLateWhileAnEngineCannotBeAsked) {
  pass(0s, {}, false);
  const auto first = pass(1s, two).windows.at(0);
  EXPECT_EQ(first, afresh(0, two));
  EXPECT_EQ(pass(2s, many).windows.at(0), first);
}

TEST_F(PicksTest, AnotherPickBeginsAnew) {
  pass(0s, two);
  policy.pick = {2, {}};
  EXPECT_EQ(pass(5s, many).windows.at(0).size(), 2U);
}

TEST_F(PicksTest, TheOnlyWindowFillsItsPlaces) {
  policy.schedule.frequency.reset();
  EXPECT_EQ(pass(0s, {}).windows.at(0), Names());
  const auto first = pass(5s, {"a"}).windows.at(0);
  EXPECT_EQ(first, Names{"a"});
  EXPECT_EQ(pass(9s, many).windows.at(0), first);
  EXPECT_EQ(pass(9s, {"b"}).windows.at(0), first) << "who is away keeps its place";
}

TEST_F(PicksTest, TellsEachTargetItsWindows) {
  const auto decided = pass(0s, two);
  for (const auto& name : two) {
    for (const auto window : windows_of(decided, name)) EXPECT_TRUE(is_picked(before, policy, name, window));
  }
  EXPECT_EQ(windows_of(decided, "a").size() + windows_of(decided, "b").size(), 2U);
  EXPECT_FALSE(is_picked(before, policy, "a", 7)) << "not decided yet";
}

TEST_F(PicksTest, TheLastWindowIsKeptThoughTheTimeOfThePolicyGoesOn) {
  policy.schedule.duration = 2s;
  policy.schedule.ttl = 18s;
  const auto last = pass(10s, two).windows.at(1);
  EXPECT_EQ(pass(13s, two).windows.at(1), last);
}

}  // namespace
}  // namespace entropy::control

#include "policy/schedule.hpp"

#include <gmock/gmock.h>

namespace entropy::policy {
namespace {

using namespace std::chrono_literals;

constexpr Time epoch = Time(1'000'000s);

Schedule every_ten_seconds() {
  Schedule schedule;
  schedule.epoch = epoch;
  schedule.frequency = 10s;
  schedule.duration = 4s;
  return schedule;
}

TEST(Schedule, WindowsBeginAtEpochPlusDelayPlusMultiplesOfFrequency) {
  Schedule schedule = every_ten_seconds();
  schedule.delay = 3s;
  EXPECT_EQ(window_at(schedule, epoch + 2s), std::nullopt);
  EXPECT_EQ(window_at(schedule, epoch + 3s), (Window{0, epoch + 3s, epoch + 7s}));
  EXPECT_EQ(window_at(schedule, epoch + 7s), std::nullopt);
  EXPECT_EQ(window_at(schedule, epoch + 25s), (Window{2, epoch + 23s, epoch + 27s}));
  EXPECT_EQ(window_after(schedule, epoch), (Window{0, epoch + 3s, epoch + 7s}));
  EXPECT_EQ(window_after(schedule, epoch + 3s), (Window{1, epoch + 13s, epoch + 17s}));
}

TEST(Schedule, DurationDefaultsToFrequency) {
  Schedule schedule = every_ten_seconds();
  schedule.duration.reset();
  EXPECT_EQ(window_at(schedule, epoch + 9s), (Window{0, epoch, epoch + 10s}));
  EXPECT_EQ(window_at(schedule, epoch + 10s), (Window{1, epoch + 10s, epoch + 20s}));
}

TEST(Schedule, WithoutFrequencyThereIsOneWindow) {
  Schedule schedule;
  schedule.epoch = epoch;
  EXPECT_EQ(window_at(schedule, epoch + 1000h), (Window{0, epoch, never}));
  EXPECT_EQ(window_after(schedule, epoch), std::nullopt);
  EXPECT_EQ(expiry(schedule), never);
  schedule.duration = 5s;
  EXPECT_EQ(window_at(schedule, epoch + 4s), (Window{0, epoch, epoch + 5s}));
  EXPECT_EQ(window_at(schedule, epoch + 5s), std::nullopt);
  EXPECT_EQ(expiry(schedule), epoch + 5s);
}

TEST(Schedule, TtlCutsTheLastWindow) {
  Schedule schedule = every_ten_seconds();
  schedule.ttl = 12s;
  EXPECT_EQ(window_at(schedule, epoch + 11s), (Window{1, epoch + 10s, epoch + 12s}));
  EXPECT_EQ(window_after(schedule, epoch + 11s), std::nullopt);
  EXPECT_EQ(expiry(schedule), epoch + 12s);
}

TEST(Schedule, WindowsLimitsTheirNumber) {
  Schedule schedule = every_ten_seconds();
  schedule.windows = 2;
  EXPECT_TRUE(window_at(schedule, epoch + 10s));
  EXPECT_FALSE(window_at(schedule, epoch + 20s));
  EXPECT_EQ(expiry(schedule), epoch + 14s);
}

TEST(Schedule, NextChangeIsTheNextEdge) {
  const Schedule schedule = every_ten_seconds();
  EXPECT_EQ(next_change(schedule, epoch - 5s), epoch);
  EXPECT_EQ(next_change(schedule, epoch), epoch + 4s);
  EXPECT_EQ(next_change(schedule, epoch + 4s), epoch + 10s);
}

TEST(Schedule, TheDiceAreFairAndRepeatable) {
  Schedule schedule = every_ten_seconds();
  schedule.probability = 0.25;
  schedule.seed = 42;
  int hits = 0;
  for (std::uint64_t k = 0; k < 10'000; ++k) hits += is_hit(schedule, "demo", "ping-1", k) ? 1 : 0;
  EXPECT_NEAR(hits, 2500, 220);  // five standard deviations
  Schedule other = schedule;
  other.seed = 43;
  int different = 0;
  for (std::uint64_t k = 0; k < 100; ++k) {
    different += is_hit(schedule, "demo", "ping-1", k) != is_hit(other, "demo", "ping-1", k) ? 1 : 0;
  }
  EXPECT_GT(different, 10);
}

TEST(Schedule, ProbabilityOneAlwaysHitsAndZeroNever) {
  Schedule schedule = every_ten_seconds();
  EXPECT_EQ(hits_between(schedule, "p", "t", epoch, epoch + 100s, 100).size(), 10U);
  schedule.probability = 0;
  EXPECT_TRUE(hits_between(schedule, "p", "t", epoch, epoch + 100s, 100).empty());
}

// Pinned: the forecast of a running policy must survive an upgrade.
TEST(Schedule, TheSameSeedGivesTheSameWindowsForever) {
  Schedule schedule = every_ten_seconds();
  schedule.probability = 0.5;
  schedule.seed = 7;
  std::vector<std::uint64_t> indices;
  for (const auto& window : hits_between(schedule, "demo", "ping", epoch, epoch + 120s, 100))
    indices.push_back(window.index);
  EXPECT_THAT(indices, testing::ElementsAre(1, 2, 3, 4, 7));
}

}  // namespace
}  // namespace entropy::policy

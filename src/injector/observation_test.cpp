#include "injector/observation.hpp"

#include <gmock/gmock.h>

namespace entropy::injector {
namespace {

using namespace std::chrono_literals;

TEST(Observation, CountsFromTheFaultsBeginning) {
  Observation observation({{100, 10, 5}, {}});
  observation.add({{150, 12, 5}, {}});
  const auto measured = observation.measured();
  EXPECT_EQ(measured.packets, 50u);
  EXPECT_EQ(measured.dropped, 2u);
  EXPECT_EQ(measured.delayed, 0u);
  EXPECT_EQ(measured.rtt, std::nullopt);
}

TEST(Observation, CountersThatBeganAnewAreTakenAsTheyAre) {
  Observation observation({{100, 10, 5}, {}});
  observation.add({{7, 1, 5}, {}});
  EXPECT_EQ(observation.measured().packets, 7u);
  EXPECT_EQ(observation.measured().dropped, 1u);
}

TEST(Observation, TcpIsWhatItsConnectionsFelt) {
  Observation observation({{}, {{1, 200us, 10, 10, 0}, {2, 300us, 5, 5, 1}, {3, 400us, 0, 0, 0}}});
  // 2 and 3 are silent; 4 is opened under the fault.
  observation.add({{}, {{1, 101ms, 30, 20, 4}, {2, 300us, 5, 5, 1}, {4, 102ms, 8, 3, 1}}});
  // 1 is closed by now: what it felt still counts.
  observation.add({{}, {{2, 300us, 5, 5, 1}, {4, 103ms, 10, 5, 2}}});
  const auto measured = observation.measured();
  EXPECT_EQ(measured.rtt_before, 300us);
  EXPECT_EQ(measured.connections, 2u);
  EXPECT_EQ(measured.segments, 20u + 10);
  EXPECT_EQ(measured.retransmitted, 4u + 2);
  EXPECT_EQ(measured.rtt, 103ms);
}

}  // namespace
}  // namespace entropy::injector

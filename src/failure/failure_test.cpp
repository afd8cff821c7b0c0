#include <gmock/gmock.h>

#include "failure/catalogue.hpp"

namespace entropy::failure {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string message_of(std::string_view name, const Params& params) {
  const auto failure = parse(name, params);
  return failure ? "accepted" : failure.error().message;
}

TEST(Failure, ReadsParameters) {
  const auto latency = parse("latency", {{"delay", "250ms"}, {"jitter", "50ms"}, {"distribution", "normal"}});
  ASSERT_TRUE(latency);
  const auto& value = std::get<Latency>(*latency);
  EXPECT_EQ(value.delay, Duration(250ms));
  EXPECT_EQ(value.jitter, Duration(50ms));
  EXPECT_EQ(value.distribution, Distribution::normal);
  EXPECT_EQ(value.filter.direction, Direction::egress);
}

TEST(Failure, PartitionCutsBothWaysByDefault) {
  EXPECT_EQ(std::get<Partition>(*parse("partition", {})).filter.direction, Direction::both);
}

TEST(Failure, KnowsAliases) {
  EXPECT_EQ(name_of(*parse("packet_loss", {{"percent", "10%"}})), "loss");
  EXPECT_EQ(name_of(*parse("network_partition", {})), "partition");
  EXPECT_EQ(name_of(*parse("reordering", {{"percent", "10"}})), "reorder");
  EXPECT_EQ(name_of(*parse("delay", {{"delay", "1ms"}})), "latency");
}

TEST(Failure, PrintsWhatItReads) {
  const std::vector<std::pair<std::string, Params>> cases = {
      {"latency", {{"delay", "1s500ms"}, {"correlation", "12.5"}, {"direction", "both"}}},
      {"loss", {{"percent", "0.1"}}},
      {"reorder", {{"percent", "25"}, {"delay", "20ms"}, {"gap", "5"}}},
      {"partition", {{"mode", "reject"}, {"direction", "ingress"}}},
      {"partition", {}}};
  for (const auto& [name, params] : cases) {
    const auto value = parse(name, params);
    ASSERT_TRUE(value) << name;
    EXPECT_EQ(print(*value), params);
    EXPECT_EQ(parse(name, print(*value)), *value);
  }
}

TEST(Failure, SaysWhatIsWrongAndTheWayOut) {
  EXPECT_THAT(message_of("latncy", {}), HasSubstr("did you mean \"latency\"?"));
  EXPECT_THAT(message_of("latency", {}), HasSubstr("latency needs delay"));
  EXPECT_THAT(message_of("latency", {{"delay", "100"}}), HasSubstr("us, ms, s, m, h or d"));
  EXPECT_THAT(message_of("latency", {{"dealy", "100ms"}}), HasSubstr("did you mean \"delay\"?"));
  EXPECT_THAT(message_of("latency", {{"dealy", "77ms"}}), HasSubstr("77ms"));
  EXPECT_THAT(message_of("latency", {{"delay", "0ms"}}), HasSubstr("does nothing"));
  EXPECT_THAT(message_of("latency", {{"delay", "1ms"}, {"jitter", "2ms"}}), HasSubstr("jitter is larger"));
  EXPECT_THAT(message_of("loss", {{"percent", "101"}}), HasSubstr("0..100"));
  EXPECT_THAT(message_of("loss", {{"percent", "1"}, {"correlation", "5"}}), HasSubstr("leave correlation out"));
  EXPECT_THAT(message_of("partition", {{"mode", "dorp"}}), HasSubstr("did you mean \"drop\"?"));
  EXPECT_THAT(message_of("latency", {{"delay", "1ms"}, {"delay", "2ms"}}), HasSubstr("twice"));
}

TEST(Failure, CollectsEveryError) {
  const auto failure = parse("reorder", {{"percnt", "1"}, {"delay", "x"}});
  ASSERT_FALSE(failure);
  EXPECT_EQ(failure.error().fields.size(), 3U);  // unknown, unreadable, missing
}

TEST(Failure, TheCatalogueShowsDefaults) {
  const auto kind = find_kind("reorder");
  ASSERT_TRUE(kind);
  EXPECT_EQ((*kind)->parameters[1].name, "delay");
  EXPECT_EQ((*kind)->parameters[1].default_value, "10ms");
}

}  // namespace
}  // namespace entropy::failure

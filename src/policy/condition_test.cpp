#include "policy/condition.hpp"

#include <gmock/gmock.h>

#include "policy/condition_json.hpp"
#include "policy/policy_json.hpp"

namespace entropy::policy {
namespace {

using namespace std::chrono_literals;

std::vector<Condition> read(std::string_view json) {
  auto conditions = conditions_from_json(*parse_json(json));
  EXPECT_TRUE(conditions) << json << ": " << conditions.error().message;
  return std::move(conditions).value_or(std::vector<Condition>());
}

// "0.http_down.url: ..." for every field that is wrong.
std::vector<std::string> wrong(std::string_view json) {
  const auto conditions = conditions_from_json(*parse_json(json));
  if (conditions) return {};
  std::vector<std::string> lines;
  for (const auto& [field, message] : conditions.error().fields) lines.push_back(field + ": " + message);
  if (lines.empty()) lines.push_back(conditions.error().message);
  return lines;
}

TEST(Conditions, AWordIsAboutTheTargets) {
  for (const auto* json : {R"("unhealthy")", R"(["unhealthy"])", R"([{"unhealthy": "targets"}])"}) {
    const auto conditions = read(json);
    ASSERT_EQ(conditions.size(), 1U) << json;
    EXPECT_EQ(conditions[0], Condition(ContainerCondition{ContainerCondition::Kind::unhealthy, {}}));
  }
}

TEST(Conditions, AreReadBackAsTheyWerePrinted) {
  const auto conditions = read(R"json(["oom_killed", {"died": "service=web,tier"}, {"http_up": "http://web/"},
    {"http_down": {"url": "https://[::1]:8443/a?b=c", "status": 204, "contains": "ok", "interval": "2s", "timeout": "1s",
                   "retries": 2}},
    {"prometheus": {"url": "http://prometheus:9090", "query": "rate(x[1m])", "below": -0.5}}])json");
  ASSERT_EQ(conditions.size(), 5U);
  EXPECT_EQ(*conditions_from_json(conditions_to_json(conditions)), conditions);
  const auto& http = std::get<HttpCondition>(conditions[3]);
  EXPECT_EQ(http.status, 204U);
  EXPECT_EQ(http.pace, (Pace{2s, 1s, 2}));
  EXPECT_EQ(describe(conditions[1]), "died: service=web,tier");
  EXPECT_EQ(describe(conditions[4]), "prometheus: rate(x[1m]) below -0.5");
}

TEST(Conditions, EveryFieldThatIsWrongIsNamed) {
  using testing::ElementsAre;
  using testing::StartsWith;
  EXPECT_THAT(
      wrong(R"([{"http_down": {"url": "ftp://x", "status": 99, "interval": "1ms", "retrys": 3}},
                        "unhealty", {"died": ""}, 7])"),
      ElementsAre(StartsWith("0.http_down.url: \"ftp://x\" is no address"),
                  "0.http_down.status: is a count from 100 to 599", "0.http_down.interval: is from 1s to 1h",
                  StartsWith("0.http_down.retrys: unknown field"), StartsWith("1: unknown condition \"unhealty\""),
                  StartsWith("2.died: "), StartsWith("3: names a condition")));
  EXPECT_THAT(wrong(R"({"prometheus": {"url": "http://p", "query": "up", "above": 1, "below": 2}})"),
              ElementsAre(StartsWith("0.prometheus.above: either")));
  EXPECT_THAT(wrong(R"({"prometheus": {"above": "NaN"}})"),
              ElementsAre(StartsWith("0.prometheus.url: is missing"), StartsWith("0.prometheus.query: is missing"),
                          StartsWith("0.prometheus.above: is a number")));
  EXPECT_THAT(wrong(R"({"prometheus": {"url": "http://p", "query": "up", "above": "1e400"}})"),
              ElementsAre(StartsWith("0.prometheus.above: is a number")));
  EXPECT_THAT(wrong(R"({"http_up": {"url": "http://user:secret@web/"}})"),
              ElementsAre(testing::HasSubstr("user or password")));
  EXPECT_EQ(
      std::get<HttpCondition>(read(R"({"http_up": {"url": "http://web/", "interval": "1s"}})").front()).pace.timeout,
      std::chrono::seconds(1))
      << "no default is longer than the interval";
  EXPECT_THAT(wrong(R"({"http_up": {"url": "http://web/", "interval": "1s", "timeout": "3s"}})"),
              ElementsAre(StartsWith("0.http_up.timeout: is longer")));
  EXPECT_THAT(wrong(R"({"died": "a", "unhealthy": "b"})"), ElementsAre(testing::HasSubstr("one field")));
  EXPECT_THAT(wrong(R"(["died","died","died","died","died","died","died","died","died"])"),
              ElementsAre(testing::HasSubstr("at most 8")));
}

TEST(Conditions, ArePartOfAPolicyAndItsRecord) {
  auto draft = draft_from_json(*parse_json(R"({"name": "p", "selector": "a", "failure": "partition",
    "stop_when": "unhealthy", "start_when": [{"healthy": "service=web"}]})"));
  ASSERT_TRUE(draft) << draft.error().message;
  Record record{draft->policy, 3, Time(1s), Time(2s)};
  record.held = true;
  record.stopped = Stop{Time(5s), "unhealthy: targets", "web-1 is unhealthy"};
  EXPECT_EQ(*deserialize(serialize(record)), record);
  // What containers and servers say need not be UTF-8; nothing of it may keep the service from starting.
  record.stopped->evidence = "web-1 is unhealthy (caf\xc3)";
  const auto read = deserialize(serialize(record));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->stopped->evidence, "web-1 is unhealthy (caf\xef\xbf\xbd)");
  const auto bad = draft_from_json(*parse_json(R"({"selector": "a", "failure": "partition", "stop_when": [1]})"));
  EXPECT_EQ(bad.error().fields.at(0).field, "stop_when.0");
}

TEST(Record, OneThatIsHeldIsOverWithItsTtlAlone) {
  Record record;
  record.policy.schedule.epoch = Time(100s);
  record.policy.schedule.duration = 5s;
  EXPECT_EQ(end_of(record), Time(105s));
  record.held = true;
  EXPECT_EQ(end_of(record), never);
  record.policy.schedule.ttl = 60s;
  EXPECT_EQ(end_of(record), Time(160s));
}

}  // namespace
}  // namespace entropy::policy

#include "control/conditions.hpp"

#include <gmock/gmock.h>

#include "control/namespaces.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;
using Kind = policy::ContainerCondition::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Time now = Time(1'000'000s);

ObservedContainer container(std::string name, std::string service, std::string health = "") {
  ObservedContainer observed;
  observed.endpoint = "e";
  observed.container.id = name;
  observed.container.name = std::move(name);
  observed.container.labels = {{"service", std::move(service)}};
  observed.container.health = std::move(health);
  return observed;
}

class ContainerConditions : public testing::Test {
 protected:
  ContainerConditions() {
    record.policy.selector = *policy::Selector::parse("service=db");
    record.policy.schedule.epoch = now - 10s;
  }
  Finding found(Kind kind, const char* selector = nullptr) {
    policy::ContainerCondition condition{kind, {}};
    if (selector != nullptr) condition.selector = *policy::Selector::parse(selector);
    return judge(condition, record, rules, Index(observed));
  }
  policy::Record record;
  Rules rules;
  Observed observed;
};

TEST_F(ContainerConditions, HealthIsWhatTheHealthcheckSays) {
  EXPECT_THAT(found(Kind::unhealthy).evidence, HasSubstr("has a HEALTHCHECK"));
  EXPECT_FALSE(found(Kind::healthy).holds);
  observed.containers = {container("db-1", "db", "healthy"), container("db-2", "db"),
                         container("web", "web", "unhealthy")};
  EXPECT_FALSE(found(Kind::unhealthy).holds);
  EXPECT_TRUE(found(Kind::healthy).holds);
  EXPECT_TRUE(found(Kind::unhealthy, "service=web").holds);
  observed.containers.push_back(container("db-3", "db", "unhealthy"));
  observed.containers.edit_last().health_output = "connection refused";
  EXPECT_TRUE(found(Kind::unhealthy).holds);
  EXPECT_EQ(found(Kind::unhealthy).evidence, "db-3 is unhealthy (connection refused)");
  EXPECT_FALSE(found(Kind::healthy).holds);
  observed.containers.edit_last().container.labels["entropy.protect"] = "true";
  EXPECT_FALSE(found(Kind::unhealthy).holds) << "it is no target";
}

TEST_F(ContainerConditions, AnEndCountsSinceThePolicyBegan) {
  observed.ends = {{container("db-1", "db"), now - 11s, 1, false}};
  EXPECT_FALSE(found(Kind::died).holds);
  const std::vector<ObservedEnd> missed = {{container("db-3", "db"), now - 2s, std::nullopt, false}};
  EXPECT_EQ(judge({Kind::died, {}}, record, rules, Index(observed), missed).evidence,
            "db-3 ended at 1970-01-12T13:46:38Z");
  record.updated = now - 1s;
  EXPECT_FALSE(judge({Kind::died, {}}, record, rules, Index(observed), missed).holds) << "it was changed since";
  observed.ends.push_back({container("db-2", "db"), now - 1s, 137, false});
  EXPECT_TRUE(found(Kind::died).holds);
  EXPECT_THAT(found(Kind::died).evidence, HasSubstr("db-2 ended with exit code 137"));
  EXPECT_FALSE(found(Kind::died, "service=web").holds);
  EXPECT_FALSE(found(Kind::oom_killed).holds);
  observed.ends.push_back({container("db-2", "db"), now - 1s, 0, true});
  EXPECT_THAT(found(Kind::oom_killed).evidence, HasSubstr("db-2 ran out of memory"));
}

Result<HttpAnswer> answered(unsigned status, std::string body = "") { return HttpAnswer{status, std::move(body)}; }

TEST(HttpConditions, ADownAddressIsOneThatDoesNotAnswerAsExpectedSoOften) {
  policy::HttpCondition down;
  down.contains = "ok";
  Finding finding = judge(down, {}, answered(200, "all is ok"));
  EXPECT_FALSE(finding.holds);
  finding = judge(down, finding, answered(200, "no"));
  EXPECT_EQ(finding.evidence, "it answered 200 without \"ok\" (1 of 3)");
  finding = judge(down, finding, fail(ErrorCode::unavailable, "nobody listens"));
  EXPECT_FALSE(finding.holds);
  finding = judge(down, finding, answered(503));
  EXPECT_TRUE(finding.holds);
  EXPECT_EQ(finding.evidence, "it answered 503 (3 of 3)");
  EXPECT_FALSE(judge(down, finding, answered(204, "ok")).holds);
}

TEST(HttpConditions, AnAddressIsUpAtItsFirstExpectedAnswer) {
  policy::HttpCondition up;
  up.up = true;
  up.pace.retries = 1;
  up.status = 404;
  EXPECT_FALSE(judge(up, {}, answered(200)).holds);
  EXPECT_TRUE(judge(up, {}, answered(404)).holds);
}

std::string vector_of(std::string samples) {
  return R"({"status":"success","data":{"resultType":"vector","result":[)" + samples + "]}}";
}

TEST(PrometheusConditions, OneSampleBeyondTheValueIsEnough) {
  policy::PrometheusCondition above;
  above.value = 0.5;
  const std::string low = R"({"metric":{},"value":[1,"0.25"]})";
  EXPECT_FALSE(judge(above, {}, answered(200, vector_of(low))).holds);
  EXPECT_FALSE(judge(above, {}, answered(200, vector_of(""))).holds);
  EXPECT_FALSE(judge(above, {}, answered(200, vector_of(R"({"metric":{},"value":[1,"NaN"]})"))).holds);
  const Finding high = judge(above, {}, answered(200, vector_of(low + R"(,{"metric":{},"value":[1,"0.75"]})")));
  EXPECT_TRUE(high.holds);
  EXPECT_EQ(high.evidence, "the query answers 0.75");
  policy::PrometheusCondition below;
  below.above = false;
  below.value = 1;
  EXPECT_TRUE(
      judge(below, {}, answered(200, R"({"status":"success","data":{"resultType":"scalar","result":[1,"0"]}})")).holds);
}

TEST(PrometheusConditions, WhoCannotBeAskedThreeTimesIsBlind) {
  const policy::PrometheusCondition above;
  Finding finding;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(finding.is_blind());
    finding = judge(above, finding, answered(503, "<html>"));
    EXPECT_FALSE(finding.holds);
  }
  EXPECT_TRUE(finding.is_blind());
  EXPECT_THAT(finding.evidence, HasSubstr("can't be asked: it answered 503"));
  finding = judge(above, finding, answered(400, R"({"status":"error","errorType":"bad_data","error":"parse error"})"));
  EXPECT_THAT(finding.evidence, HasSubstr("parse error"));
  EXPECT_FALSE(judge(above, finding, answered(200, vector_of(""))).is_blind());
}

TEST(PrometheusConditions, ItsAnswersAreReadStrictly) {
  EXPECT_THAT(*read_query_answer(vector_of(R"({"value":[1,"+Inf"]},{"value":[1,"-1e3"]})")),
              ElementsAre(std::numeric_limits<double>::infinity(), -1000));
  for (const auto* bad :
       {"", "[]", R"({"status":"success"})", R"({"status":"success","data":{"resultType":"matrix","result":[]}})"})
    EXPECT_FALSE(read_query_answer(bad)) << bad;
  EXPECT_FALSE(read_query_answer(vector_of(R"({"value":[1,0.5]})")));
  EXPECT_FALSE(read_query_answer(vector_of(R"({"metric":{}})")));
  EXPECT_FALSE(read_query_answer(vector_of(R"({"value":[1,"0.5x"]})")));
}

TEST(PrometheusConditions, TheQueryIsEncoded) {
  policy::PrometheusCondition condition;
  condition.url = "http://prometheus:9090/base/";
  condition.query = "rate(x[1m])&y";
  EXPECT_EQ(question_of(condition).url.target, "/base/api/v1/query?query=rate%28x%5B1m%5D%29%26y");
}

TEST(PrometheusConditions, WhatHeldBeforeDoesNotHoldWhileItCannotBeAsked) {
  policy::PrometheusCondition above;
  above.value = 0.5;
  Finding finding = judge(above, {}, answered(200, vector_of(R"({"metric":{},"value":[1,"0.75"]})")));
  EXPECT_TRUE(finding.holds);
  finding = judge(above, finding, fail(ErrorCode::unavailable, "connection refused"));
  EXPECT_FALSE(finding.holds) << finding.evidence;
}

}  // namespace
}  // namespace entropy::control

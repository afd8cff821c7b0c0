#include <gmock/gmock.h>

#include "policy/policy_json.hpp"

namespace entropy::policy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Result<Draft> read(std::string_view text) {
  const auto value = parse_json(text);
  if (!value) return fail(value.error());
  return draft_from_json(*value);
}

std::string error_of(std::string_view text) {
  const auto draft = read(text);
  return draft ? "accepted" : draft.error().message;
}

constexpr std::string_view full = R"({"name": "slow-db", "description": "d", "selector": "service=db",
  "failure": {"latency": {"delay": "250ms", "jitter": "50ms"}, "loss": {"percent": 1.5}},
  "frequency": "30s", "duration": "10s", "probability": 0.25, "delay": "1s", "ttl": "1h", "windows": 5,
  "seed": 42, "state": "stopped"})";

TEST(PolicyJson, ReadsEveryField) {
  const auto draft = read(full);
  ASSERT_TRUE(draft) << draft.error().message;
  const Policy& policy = draft->policy;
  EXPECT_EQ(policy.name, "slow-db");
  EXPECT_EQ(policy.selector.text(), "service=db");
  EXPECT_EQ(policy.failures.size(), 2U);
  EXPECT_EQ(policy.schedule.frequency, Duration(30s));
  EXPECT_EQ(policy.schedule.probability, 0.25);
  EXPECT_EQ(policy.schedule.ttl, Duration(1h));
  EXPECT_TRUE(draft->has_seed);
  EXPECT_FALSE(policy.running);
}

TEST(PolicyJson, WritesWhatItReads) {
  const auto draft = read(full);
  const auto again = draft_from_json(to_json(draft->policy));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->policy, draft->policy);
}

TEST(PolicyJson, AFailureMayBeBare) {
  EXPECT_EQ(read(R"({"selector": "a", "failure": "partition"})")->policy.failures.size(), 1U);
  EXPECT_EQ(read(R"({"selector": "a", "failure": {"partition": null}})")->policy.failures.size(), 1U);
}

TEST(PolicyJson, BareNumbersAreSecondsForFrequencyAndDurationAlone) {
  const auto draft = read(R"({"selector": "a", "failure": "partition", "frequency": 10, "duration": "5"})");
  ASSERT_TRUE(draft);
  EXPECT_EQ(draft->policy.schedule.frequency, Duration(10s));
  EXPECT_EQ(draft->policy.schedule.duration, Duration(5s));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "partition", "ttl": 10})"), HasSubstr("us, ms, s"));
}

TEST(PolicyJson, CollectsEveryFieldError) {
  const auto draft =
      read(R"({"selector": "a in (", "failure": {"latency": {"delay": 100}, "lsos": {}}, "probability": 2,
                              "frequncy": 10, "seed": -1})");
  ASSERT_FALSE(draft);
  std::vector<std::string> fields;
  for (const auto& each : draft.error().fields) fields.push_back(each.field);
  EXPECT_THAT(fields, testing::UnorderedElementsAre("selector", "failure.latency.delay", "failure", "probability",
                                                    "frequncy", "seed"));
}

TEST(PolicyJson, SaysWhatIsWrong) {
  EXPECT_THAT(error_of(R"({"failure": "partition"})"), HasSubstr("@name=*"));
  EXPECT_THAT(error_of(R"({"selector": "a"})"), HasSubstr("failure: is missing"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "latency"})"), HasSubstr("latency needs delay"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "partition", "frequency": 10, "duration": 20})"),
              HasSubstr("longer than frequency"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "partition", "probablity": 0.5})"),
              HasSubstr("did you mean \"probability\"?"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "partition", "name": "-x"})"), HasSubstr("not allowed"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "partition", "name": ""})"), HasSubstr("not allowed"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "partition", "state": "off"})"), HasSubstr("neither running"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "partition", "pick": 0})"), HasSubstr("is no pick"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": {"delay": {"delay": "1ms"}, "latency": {"delay": "1ms"}}})"),
              HasSubstr("given twice"));
  EXPECT_THAT(error_of("[]"), HasSubstr("object"));
}

TEST(PolicyJson, ACustomImageBringsItsOwnWords) {
  const auto draft = read(R"({"failure": {"clock-skew": {"by": [1, {"x": null}]}}, "selector": "a",
                              "image": "team/injector:2", "name": "p"})");
  ASSERT_TRUE(draft) << draft.error().message;
  EXPECT_TRUE(draft->policy.failures.empty());
  EXPECT_EQ(draft->policy.custom, (CustomFailure{"team/injector:2", "clock-skew", R"({"by":[1,{"x":null}]})"}));
  EXPECT_THAT(failure_names(draft->policy), testing::ElementsAre("clock-skew"));
  EXPECT_EQ(draft_from_json(to_json(draft->policy))->policy, draft->policy);
  EXPECT_EQ(read(R"({"image": "x", "selector": "a", "failure": "latency"})")->policy.custom->parameters, "{}");
}

TEST(PolicyJson, SaysWhatIsWrongWithACustomImage) {
  const auto with = [](std::string_view rest) {
    return error_of(R"({"selector": "a", "image": "x", )" + std::string(rest) + "}");
  };
  EXPECT_THAT(with(R"("failure": {"a": {}, "b": {}})"), HasSubstr("names one failure"));
  EXPECT_THAT(with(R"("failure": {"a": 5})"), HasSubstr("failure.a: the parameters are a JSON object"));
  EXPECT_THAT(with(R"("failure": "a b")"), HasSubstr("is not allowed"));
  EXPECT_THAT(with(R"("failure": "a", "frequency": "1s")"), HasSubstr("frequency: windows of 1s are too short"));
  EXPECT_THAT(with(R"("failure": "a", "frequency": "9s", "duration": "1s")"), HasSubstr("duration: windows of 1s"));
  EXPECT_THAT(with(R"("failure": {"a": {"b": ")" + std::string(20'000, 'x') + R"("}})"), HasSubstr("16 KiB"));
  EXPECT_THAT(with(R"("probability": 1)"), HasSubstr("failure"));
  EXPECT_THAT(error_of(R"({"selector": "a", "image": "-x", "failure": "a"})"), HasSubstr("no reference of an image"));
}

TEST(PolicyJson, ListsAreArraysAndModelsAreObjects) {
  const auto text = R"({"name": "a", "selector": "a", "failure": {
      "loss": {"model": {"gilbert-elliott": {"p": "1%", "r": 10}}, "peers": ["service=db", "10.0.0.3"], "ports": [80, "8000-8010"]},
      "partition": {"peers": "db", "interfaces": ["eth0"]}}})";
  const auto draft = read(text);
  ASSERT_TRUE(draft) << draft.error().message;
  const auto printed = to_json(draft->policy);
  EXPECT_EQ(print_json(printed.at("failure")),
            R"({"loss":{"model":{"gilbert-elliott":{"p":1,"r":10}},"peers":["service=db","10.0.0.3"],)"
            R"("ports":[80,"8000-8010"]},"partition":{"peers":["db"],"interfaces":["eth0"]}})");
  EXPECT_EQ(draft_from_json(printed)->policy.failures, draft->policy.failures);
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": {"partition": {"peers": ["a in ("]}}})"),
              HasSubstr("failure.partition.peers: selector"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": {"partition": {"peers": [{}, [1]]}}})"),
              HasSubstr("neither text nor a number"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": {"partition": {"peers": []}}})"),
              HasSubstr("the list is empty"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": {"loss": {"model": {"gilbert": {"p": 1}}}}})"),
              HasSubstr("loss has no parameter \"model.gilbert.p\""));
}

TEST(PolicyJson, FailuresOfTheContainerReadBack) {
  for (
      const auto* text :
      {R"({"name": "k", "selector": "a", "failure": "kill", "frequency": "1m"})",
       R"({"name": "r", "selector": "a", "failure": {"remove": {"force": true}}})",
       R"({"name": "c", "selector": "a", "failure": {"cpu": {"limit": 0.2}, "pids": {"limit": 5}, "partition": null}})"}) {
    const auto draft = draft_from_json(*parse_json(text));
    ASSERT_TRUE(draft) << draft.error().message;
    const auto again = draft_from_json(to_json(draft->policy));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->policy.container_failures, draft->policy.container_failures);
    EXPECT_EQ(to_json(again->policy), to_json(draft->policy));
  }
  const auto message = [](std::string_view more) {
    const auto draft = draft_from_json(*parse_json(concat(R"({"selector": "a", "failure": )", more, "}")));
    return draft ? "accepted" : draft.error().message;
  };
  EXPECT_THAT(message(R"("kill", "duration": "5s", "frequency": "9s")"), HasSubstr("kill is over at once"));
  EXPECT_THAT(message(R"({"kill": null, "partition": null})"), HasSubstr("a policy of its own"));
  EXPECT_THAT(message(R"({"stop": null, "pause": null})"), HasSubstr("more than one of kill, stop"));
  EXPECT_THAT(message(R"("pause", "frequency": "500ms")"), HasSubstr("too short for a container"));
}

TEST(ParseJson, IsStrict) {
  EXPECT_THAT(error_of(R"({"selector": "a", "selector": "b"})"), HasSubstr("given twice"));
  EXPECT_THAT(error_of("{\n  \"a\": x}"), HasSubstr("line 2, column 8"));
  EXPECT_THAT(error_of(R"({"selector": "a", "failure": "partition", "probability": 1e400})"), HasSubstr("too large"));
  EXPECT_THAT(error_of("{} x"), HasSubstr("not JSON"));
  EXPECT_THAT(error_of(""), HasSubstr("not JSON"));
  EXPECT_THAT(error_of(std::string(100'000, '[')), HasSubstr("not JSON"));
}

TEST(ParseJson, NumbersAreTheNearestDoubles) {
  for (const char* text : {"0.1", "66.4213563429384962", "1.7976931348623157e308", "5e-324", "-12.5e-3"}) {
    EXPECT_EQ(parse_json(text)->as_double(), std::strtod(text, nullptr)) << text;
  }
  EXPECT_EQ(parse_json("1e-400")->as_double(), 0);
  EXPECT_FALSE(parse_json("[-1e400]"));
}

TEST(ParseJson, KeepsWhatEscapesSplit) {
  EXPECT_EQ(parse_json(R"({"a\nb": ["\u00e9x", {}, null]})")->at("a\nb").at(0), "\u00e9x");
}

TEST(PrintJson, IsPlainAndReadsBack) {
  const auto value = *parse_json(R"({"p": 0.25, "big": 1e10, "list": [], "deep": {"a": [1, null, true, "x\n"]}})");
  EXPECT_EQ(print_json(value), R"({"p":0.25,"big":10000000000,"list":[],"deep":{"a":[1,null,true,"x\n"]}})");
  EXPECT_EQ(print_json(*parse_json(print_json(value, JsonStyle::indented))), print_json(value));
  EXPECT_EQ(print_json({{"a", {1}}}, JsonStyle::indented), "{\n    \"a\": [\n        1\n    ]\n}");
  EXPECT_EQ(print_json("\xff"), "\"\xef\xbf\xbd\"");
}

TEST(Record, KeepsFractionsExactly) {
  const auto draft = read(R"({"name": "a", "selector": "a", "failure": {"loss": {"percent": "66.4213563429384962"}},
                              "probability": "0.00001234567890123456"})");
  const Record record{draft->policy, 1, Time(1s), Time(2s)};
  EXPECT_EQ(deserialize(serialize(record)), record);
}

TEST(Record, RoundTripsExactly) {
  Record record{read(full)->policy, 7, Time(1s), Time(2s)};
  record.policy.schedule.epoch = Time(123'456'789us);
  EXPECT_EQ(deserialize(serialize(record)), record);
  EXPECT_THAT(deserialize("{}").error().message, HasSubstr("damaged"));
}

TEST(PolicyJson, ADurationThatIsLeftOutIsTheFrequency) {
  const auto draft = read(R"({"name": "a", "selector": "a", "failure": "partition", "frequency": 10})");
  EXPECT_EQ(draft->policy.schedule.duration, Duration(10s));
  EXPECT_EQ(to_json(draft->policy).at("duration"), "10s");
  EXPECT_EQ(draft_from_json(to_json(draft->policy))->policy, draft->policy);
  const auto once = read(R"({"name": "a", "selector": "a", "failure": "partition"})");
  EXPECT_FALSE(once->policy.schedule.duration);
  EXPECT_FALSE(to_json(once->policy).contains("duration"));
  const auto instant = read(R"({"name": "a", "selector": "a", "failure": "kill", "frequency": 10})");
  EXPECT_FALSE(instant->policy.schedule.duration) << "it is over at once";
  const Record record{instant->policy, 1, Time(1s), Time(2s)};
  EXPECT_EQ(deserialize(serialize(record)), record);
}

TEST(Policy, AChangeOfItsRhythmRestartsTheSchedule) {
  const Policy before = read(full)->policy;
  Policy after = before;
  after.schedule.probability = 1;
  after.failures.pop_back();
  EXPECT_FALSE(restarts_schedule(before, after));
  after.schedule.seed = 1;
  EXPECT_TRUE(restarts_schedule(before, after));
  after = before;
  after.running = true;
  EXPECT_TRUE(restarts_schedule(before, after));
}

}  // namespace
}  // namespace entropy::policy

#include "policy/policy_file.hpp"

#include <gmock/gmock.h>

#include "base/text.hpp"
#include "failure/catalogue.hpp"
#include "policy/policy_schema.hpp"
#include "policy/yaml_scalar.hpp"
#include "policy/yaml_text.hpp"

namespace entropy::policy {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> lines_of(const Error& error) {
  std::vector<std::string> lines;
  for (const auto& each : error.fields) lines.push_back(concat(each.field, ": ", each.message));
  return lines;
}

std::vector<std::string> problems_of(std::string_view text) {
  const auto file = read_policy_file("chaos.yaml", text);
  return file ? std::vector<std::string>() : lines_of(file.error());
}

// The message for one plain word; empty if it is taken.
std::string trouble_of(std::string_view word) {
  const auto value = read_plain_scalar(word);
  return value ? "" : value.error().message;
}

constexpr std::string_view slow_db = R"(policies:
  slow-db:
    selector: service=db
    failure: { latency: { delay: 250ms, jitter: 50ms } }
    frequency: 30s          # once per window
    duration: 10
    probability: 0.25
    expect: { hits: 2, missed: 0 }
  cut:
    selector: "@name=web-*"
    failure: partition
    state: stopped
)";

TEST(PolicyFile, ReadsYaml) {
  const auto file = read_policy_file("chaos.yaml", slow_db);
  ASSERT_TRUE(file) << lines_of(file.error()).front();
  ASSERT_EQ(file->size(), 2U);
  const FilePolicy& slow = file->front();
  EXPECT_EQ(slow.draft.policy.name, "slow-db");
  EXPECT_EQ(slow.draft.policy.schedule.frequency, Duration(30s));
  EXPECT_EQ(slow.draft.policy.schedule.duration, Duration(10s));
  EXPECT_EQ(slow.draft.policy.schedule.probability, 0.25);
  EXPECT_EQ(failure::to_string(slow.draft.policy.failures.front()), "latency delay=250ms jitter=50ms");
  EXPECT_EQ(slow.expect, (Expectation{2, std::nullopt, 0}));
  EXPECT_EQ(slow.set, "default");
  EXPECT_EQ(slow.place, "chaos.yaml:2:3");
  EXPECT_FALSE(file->back().draft.policy.running);
}

TEST(PolicyFile, ReadsJsonTheSameWay) {
  const auto file = read_policy_file("chaos.json",
                                     "{\n\t\"name\": \"shop\", \"$schema\": \"x\",\n\t\"policies\":{\"a\":{"
                                     "\"selector\":\"a=\\u0062\\/c\",\"failure\":{\"partition\":null}}}}\n");
  ASSERT_TRUE(file) << lines_of(file.error()).front();
  EXPECT_EQ(file->front().draft.policy.selector.text(), "a=b/c");
  EXPECT_EQ(file->front().set, "shop");
}

TEST(PolicyFile, JsonHasItsPlacesAndItsEscapes) {
  constexpr std::string_view text = R"({"policies": {
  "slow": {"selector": "a=b", "description": "\ud83d\ude00 \"x\"", "selector": "a",
    "failure": {"latency": {"dealy": "1ms"}}, "windows": 3},
  "cut": {"selector": "a in (", "failure": ["partition"], "labels": {"a": "b", "a": "c"}}
}})";
  const auto file = read_policy_file("chaos.json", text);
  ASSERT_FALSE(file);
  EXPECT_THAT(lines_of(file.error()),
              testing::IsSupersetOf({HasSubstr("chaos.json:2:68: the key \"selector\" is given twice, first in line 2"),
                                     HasSubstr("chaos.json:3:29: slow.failure.latency.dealy: "),
                                     HasSubstr("chaos.json:3:47: slow.windows: needs a frequency"),
                                     HasSubstr("chaos.json:4:11: cut.selector: "),
                                     HasSubstr("chaos.json:4:80: the key \"a\" is given twice")}));
  const std::string_view emoji =
      R"({"policies": {"a": {"selector": "a", "failure": "partition", "description": "\ud83d\ude00"}}})";
  for (const std::string name : {"a.json", "(standard input)"}) {
    const auto read = read_policy_file(name, emoji);
    ASSERT_TRUE(read) << lines_of(read.error()).front();
    EXPECT_EQ(read->front().draft.policy.description, "\U0001F600") << name;
  }
}

TEST(PolicyFile, AJsonFileIsJson) {
  const auto problems = [](std::string_view text) {
    const auto file = read_policy_file("x.json", text);
    return file ? std::vector<std::string>() : lines_of(file.error());
  };
  EXPECT_THAT(problems("{\"policies\":\n {,}}"), testing::ElementsAre(HasSubstr("x.json:2:3: not JSON: ")));
  EXPECT_THAT(problems("policies: {}"), testing::ElementsAre(HasSubstr("x.json:1:1: not JSON: ")));
  EXPECT_THAT(problems("{\"policies\": \"\\ud800\"}"), testing::ElementsAre(HasSubstr("not JSON: ")));
  EXPECT_THAT(problems("{} {"),
              testing::ElementsAre(HasSubstr("1:1: there is no policies:"), HasSubstr("1:5: not JSON")));
  EXPECT_THAT(problems(std::string(40, '[')), testing::ElementsAre(HasSubstr("x.json:1:33: more than 32 levels")));
  EXPECT_THAT(problems("{\"policies\": 1e999}"), testing::Contains(HasSubstr("x.json:1:14: a number is too large")));
  EXPECT_THAT(problems(" \n"), testing::ElementsAre(HasSubstr("there is nothing in it")));
  // A flow map is YAML that looks like JSON.
  EXPECT_TRUE(read_policy_file("-", "{policies: {a: {selector: a, failure: partition,},}}"));
}

TEST(PolicyFile, SaysEverythingThatIsWrongAndWhere) {
  EXPECT_THAT(
      problems_of(R"(policies:
  slow:
    selector: a=b
    selector: a=c
    failure: { latency: { dealy: 1ms } }
    frequency: 012
    expect: { hit: 1 }
  cut:
    selector: a in (
    failure: partition
    state: on
polices: {}
)"),
      testing::ElementsAre(HasSubstr("chaos.yaml:4:5: the key \"selector\" is given twice, first in line 3"),
                           HasSubstr("chaos.yaml:5:16: slow.failure.latency.delay: latency needs delay"),
                           HasSubstr("chaos.yaml:5:27: slow.failure.latency.dealy: latency has no parameter \"dealy\""),
                           HasSubstr("chaos.yaml:6:16: 012 is octal to some readers"),
                           HasSubstr("chaos.yaml:7:15: expect: unknown key \"hit\": did you mean \"hits\"?"),
                           HasSubstr("chaos.yaml:9:5: cut.selector: "), HasSubstr("chaos.yaml:11:5: cut.state: "),
                           HasSubstr("chaos.yaml:11:12: on is a boolean to some readers"),
                           HasSubstr("chaos.yaml:12:1: unknown key \"polices\": did you mean \"policies\"?")));
}

TEST(PolicyFile, RefusesWhatIsNoPolicyFile) {
  EXPECT_THAT(problems_of(""), testing::ElementsAre(HasSubstr("1:1: there is nothing in it")));
  EXPECT_THAT(problems_of("a: 1"), testing::ElementsAre(HasSubstr("there is no policies:")));
  EXPECT_THAT(problems_of("policies: {}"), testing::ElementsAre(HasSubstr("names no policy")));
  EXPECT_THAT(problems_of("policies: {a: 1}"), testing::ElementsAre(HasSubstr("a: a policy is a map")));
  EXPECT_THAT(problems_of("policies:\n  a: [1\n"), testing::Contains(HasSubstr("not YAML: ")));
  EXPECT_THAT(problems_of("policies:\n\t- a"), testing::Contains(HasSubstr("2:")));
  EXPECT_THAT(problems_of(std::string_view("a\0b", 3)), testing::ElementsAre(HasSubstr("1:2: a control character")));
  EXPECT_THAT(problems_of("a: \xff"), testing::ElementsAre(HasSubstr("1:4: a byte that is not UTF-8")));
  EXPECT_THAT(problems_of(std::string(longest_text + 1, ' ')), testing::ElementsAre(HasSubstr("1 MiB")));
  std::string many;
  for (std::size_t i = 0; i <= most_documents; ++i) append(many, concat("---\n{\"policies\": {\"p", i, "\": 1}}\n"));
  EXPECT_THAT(problems_of(many), testing::Contains(HasSubstr("2001:1: more than 1000 documents")));
  std::erase(many, '-');
  EXPECT_THAT(problems_of(many), testing::Contains(HasSubstr("more than 1000 documents")));
  EXPECT_THAT(problems_of(std::string(40, '[')), testing::Contains(HasSubstr("more than 32 levels")));
  EXPECT_THAT(problems_of("policies: {a: &x {selector: a, failure: partition}, b: *x}"),
              testing::IsSupersetOf({HasSubstr("anchors"), HasSubstr("aliases")}));
  EXPECT_THAT(problems_of("policies: {a: {selector: !!binary a, failure: partition}}"),
              testing::ElementsAre(HasSubstr("tags")));
}

TEST(PolicyFile, SeveralDocumentsAreOne) {
  const auto file = read_policy_file("x",
                                     "policies: {a: {selector: a, failure: partition}}\n---\nname: two\npolicies: "
                                     "{b: {selector: a, failure: partition}}\n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->at(0).set, "default");
  EXPECT_EQ(file->at(1).set, "two");
}

TEST(YamlScalar, MeansTheSameToEveryReader) {
  EXPECT_EQ(*read_plain_scalar("12"), json::value(12));
  EXPECT_EQ(*read_plain_scalar("-3"), json::value(-3));
  EXPECT_EQ(*read_plain_scalar("9007199254740993"), json::value(9007199254740993));
  EXPECT_EQ(*read_plain_scalar(".25"), json::value(0.25));
  EXPECT_EQ(*read_plain_scalar("-.5"), json::value(-0.5));
  EXPECT_EQ(*read_plain_scalar("1e3"), json::value(1000.0));
  EXPECT_EQ(*read_plain_scalar("true"), json::value(true));
  for (const std::string_view text : {"25%", "10s", "1m30s", "10.0.0.0/8", "::1", "fe80::1", "db", "5000-6000", "a:b",
                                      "2026-11-22", "-", ".", "1.2.3", "0s", "-x"}) {
    const auto value = read_plain_scalar(text);
    EXPECT_TRUE(value && value->is_string() && value->get_string() == text) << text;
  }
  for (const std::string_view word : {"on", "Off", "yes", "NO", "y", "True", "FALSE"})
    EXPECT_THAT(trouble_of(word), HasSubstr("boolean")) << word;
  for (const std::string_view word : {"012", "-07", "00"}) EXPECT_THAT(trouble_of(word), HasSubstr("octal")) << word;
  for (const std::string_view word :
       {"0x1F", "0o7", "0b1", "1_000", "+5", "1:30", ".inf", "-.NaN", "99999999999999999999", "1e999"}) {
    EXPECT_NE(trouble_of(word), "") << word;
  }
}

TEST(PolicyFile, IsPrintedAsItIsRead) {
  const auto file = read_policy_file("chaos.yaml", slow_db);
  std::vector<Policy> policies;
  for (const auto& each : *file) policies.push_back(each.draft.policy);
  policies.front().labels = {{"yes", "on"}, {"note", "two\nlines: \"x\" # no"}};
  policies.front().schedule.seed = 7;
  const std::string text = print_yaml(to_document("shop", policies));
  EXPECT_THAT(text, StartsWith("name: shop\npolicies:\n  slow-db:\n    labels:\n"));
  EXPECT_THAT(text, HasSubstr("\n    failure: partition\n"));
  EXPECT_THAT(text, HasSubstr("\n    frequency: 30s\n    duration: 10s\n    probability: 0.25\n    seed: 7\n"));
  const auto again = read_policy_file("again", text);
  ASSERT_TRUE(again) << lines_of(again.error()).front();
  EXPECT_EQ(again->at(0).draft.policy, policies.at(0));
  EXPECT_EQ(again->at(1).draft.policy, policies.at(1));
  EXPECT_EQ(again->at(1).set, "shop");
}

TEST(PolicySchema, KnowsWhatTheParserKnows) {
  const auto schema = policy_file_schema();
  const json::value whole(schema);
  const auto& policy = whole.at_pointer("/properties/policies/additionalProperties/properties");
  std::vector<std::string> known = {"expect"};
  for (const auto& [key, value] : policy.get_object()) {
    if (key != "expect") known.emplace_back(key);
  }
  auto wanted = field_names();
  std::erase(wanted, "name");  // is the key
  wanted.emplace_back("expect");
  EXPECT_THAT(known, testing::UnorderedElementsAreArray(wanted));
  const auto& failures =
      whole.at_pointer("/properties/policies/additionalProperties/else/properties/failure/anyOf/1/properties")
          .get_object();
  for (const auto& kind : failure::catalogue()) {
    ASSERT_TRUE(failures.contains(kind.name));
    for (const auto& each : kind.parameters)
      EXPECT_TRUE(
          failures.at(kind.name).at("properties").get_object().contains(each.name.substr(0, each.name.find('.'))))
          << each.name;
  }
}

}  // namespace
}  // namespace entropy::policy

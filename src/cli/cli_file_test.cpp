// apply, export, schema.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "cli/changes.hpp"
#include "cli/cli_fixture.hpp"

namespace entropy::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view two_policies = R"(policies:
  slow-db:
    selector: service=db
    failure: {latency: {delay: 250ms}}
    frequency: 30s
    seed: 7
  cut:
    selector: service=web
    failure: partition
)";

class CliFiles : public Cli {
 protected:
  CliFiles() {
    char name[] = "/tmp/entropy-cli-files-XXXXXX";
    folder = ::mkdtemp(name);
  }
  ~CliFiles() override { std::filesystem::remove_all(folder); }
  std::string file(const std::string& name, std::string_view text) const {
    const std::string path = concat(folder, "/", name);
    std::ofstream(path) << text;
    return path;
  }
  policy::Policy kept(const std::string& name) {
    return server.on_thread([&] { return server.service.kept.at(name).record.policy; });
  }

  std::string folder;
};

TEST_F(CliFiles, AppliesWhatDiffers) {
  const std::string path = file("chaos.yaml", two_policies);
  const Outcome first = run({"apply", "-f", path});
  EXPECT_EQ(first.out, "slow-db created\ncut created\n") << first.err;
  EXPECT_EQ(first.code, 0);
  EXPECT_EQ(kept("slow-db").schedule.frequency, Duration(30s));
  EXPECT_EQ(run({"apply", "-f", path}).out, "slow-db unchanged\ncut unchanged\n");
  std::string changed(two_policies);
  changed.replace(changed.find("250ms"), 5, "300ms");
  file("chaos.yaml", changed);
  EXPECT_EQ(run({"apply", "-f", path}).out, "slow-db updated (failure.latency.delay)\ncut unchanged\n");
  EXPECT_EQ(kept("slow-db").schedule.seed, 7U);
}

TEST_F(CliFiles, WhatLooksAlikeMayDiffer) {
  const auto apply = [&](std::string_view labels, std::string_view by, const std::string& option = "--prune") {
    input = concat("policies: {a: {selector: a, labels: {", labels, "}, image: x, failure: {skew: {by: ", by, "}}}}");
    return run({"apply", "-f", "-", option}).out;
  };
  EXPECT_EQ(apply("", "5"), "a created\n");
  EXPECT_EQ(apply("team: ''", "5", "--dry-run"), "a would be updated\n    + labels.team: \"\"\n");
  EXPECT_EQ(apply("team: ''", "5"), "a updated (labels.team)\n");
  EXPECT_EQ(kept("a").labels.at("team"), "");
  EXPECT_EQ(apply("team: ''", "5"), "a unchanged\n");
  EXPECT_EQ(apply("team: ''", "'5'", "--dry-run"), "a would be updated\n    ~ failure.skew.by: 5 -> \"5\"\n");
  EXPECT_EQ(apply("team: ''", "'5'"), "a updated (failure.skew.by)\n");
  EXPECT_EQ(kept("a").custom->parameters, R"({"by":"5"})");
}

TEST_F(CliFiles, ADryRunShowsWhatWouldChangeAndChangesNothing) {
  create("old");
  const std::string path = file("chaos.yaml", two_policies);
  run({"apply", "-f", path});
  input = R"({"policies": {"slow-db": {"selector": "service=db", "failure": {"latency": {"delay": "300ms"}},
              "frequency": "10s", "duration": "5s", "seed": 7}, "old": {"selector": "a", "failure": "partition"}}})";
  const auto revisions = server.on_thread([&] { return server.service.written.size(); });
  const Outcome outcome = run({"apply", "-f", "-", "--prune", "--dry-run"});
  EXPECT_EQ(outcome.out,
            "slow-db would be updated\n"
            "    ~ duration: 30s -> 5s\n"
            "    ~ failure.latency.delay: 250ms -> 300ms\n"
            "    ~ frequency: 30s -> 10s\n"
            "    its windows would begin anew\n"
            "old would be updated\n"
            "    + labels.entropy.set: default\n"
            "    ~ selector: service=db -> a\n"
            "    it is not of these files: it would be one of the set default, which --prune may remove\n"
            "cut would be removed\n")
      << outcome.err;
  EXPECT_EQ(server.on_thread([&] { return server.service.written.size(); }), revisions);
}

TEST_F(CliFiles, PruneRemovesOnlyWhatTheSameSetHasMade) {
  create("by-hand");
  run({"apply", "-f", file("a.yaml", two_policies)});
  input = "name: other\npolicies: {theirs: {selector: a, failure: partition}}";
  run({"apply", "-f", "-"});
  input = "policies: {cut: {selector: service=web, failure: partition}}";
  EXPECT_EQ(run({"apply", "-f", "-"}).out, "cut unchanged\n");
  EXPECT_EQ(run({"apply", "-f", "-", "--prune"}).out, "cut unchanged\nslow-db removed\n");
  EXPECT_EQ(run({"ls", "-q"}).out, "by-hand\ncut\ntheirs\n");
}

TEST_F(CliFiles, SaysWhatItTakesAndLeavesWhatIsOfAnotherSet) {
  create("by-hand");
  input = "policies: {by-hand: {selector: service=db, failure: partition}}";
  EXPECT_THAT(run({"apply", "-f", "-"}).out,
              testing::ContainsRegex("by-hand updated .*; not of these files before, now of the set default\\)\n"));
  EXPECT_EQ(run({"apply", "-f", "-"}).out, "by-hand unchanged\n");
  input =
      "name: shop\npolicies: {by-hand: {selector: service=db, failure: partition}, b: {selector: b, failure: "
      "partition}}";
  const Outcome refused = run({"apply", "-f", "-"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.out, "") << "nothing was changed";
  EXPECT_EQ(
      refused.err,
      "entropy: (standard input):2:12: by-hand is of the set default and not of shop: --take-over makes it one of "
      "these files'\n");
  EXPECT_THAT(run({"apply", "-f", "-", "--take-over"}).out, HasSubstr("now of the set shop)\nb created\n"));
  EXPECT_EQ(kept("by-hand").labels.at("entropy.set"), "shop");
}

TEST_F(CliFiles, EveryProblemOfEveryFileIsSaidWithItsPlace) {
  const std::string first =
      file("a.yaml", "policies:\n  a: {selector: b, failure: latncy}\n  b: {selector: 012, failure: partition}\n");
  const std::string second = file("b.json", "{\"policies\": {\"c\": {}}}");
  file("notes.txt", "not read");
  const Outcome outcome = run({"apply", "-f", folder, "-f", concat(folder, "/none.yaml")});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err,
              HasSubstr(concat("entropy: ", first, ":2:20: a.failure: unknown failure \"latncy\": did you mean")));
  EXPECT_THAT(outcome.err, HasSubstr(concat("entropy: ", first, ":3:17: 012 is octal")));
  EXPECT_THAT(outcome.err, HasSubstr(concat("entropy: ", second, ":1:15: c.selector: is missing")));
  EXPECT_THAT(outcome.err, HasSubstr("none.yaml: No such file"));
  EXPECT_THAT(server.on_thread([&] { return server.service.kept.size(); }), 0U);
  const std::string twice = file("twice.yaml", two_policies);
  EXPECT_THAT(run({"apply", "-f", twice, "-f", twice}).err, HasSubstr("slow-db is at "));
  EXPECT_THAT(run({"apply", "-f", file("empty.yaml", "")}).err, HasSubstr("1:1: there is nothing in it"));
}

TEST_F(CliFiles, GoesOnAfterAPolicyThatIsRefused) {
  server.on_thread([&] { server.service.halted.halted = true; });
  input = "policies: {a: {selector: a, failure: partition}, b: {selector: a, failure: partition, state: stopped}}";
  const Outcome outcome = run({"apply", "-f", "-"});
  EXPECT_EQ(outcome.out, "b created\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("entropy: a: halted"));
}

TEST_F(CliFiles, ExportsWhatApplyTakes) {
  input = two_policies;
  run({"apply", "-f", "-"});
  const Outcome exported = run({"export"});
  EXPECT_THAT(exported.out, StartsWith("policies:\n  cut:\n    selector: service=web\n"));
  input = exported.out;
  EXPECT_EQ(run({"apply", "-f", "-"}).out, "cut unchanged\nslow-db unchanged\n");
  input = "name: other\npolicies: {theirs: {selector: a, failure: partition, description: \"\U0001F600\"}}";
  run({"apply", "-f", "-"});
  for (const std::string format : {"yaml", "json"}) {
    input = run({"export", "--format", format}).out;
    const Outcome again = run({"apply", "-f", "-", "--prune"});
    EXPECT_EQ(again.out, "cut unchanged\nslow-db unchanged\ntheirs unchanged\n") << input << again.err;
  }
  input = run({"export", "--format", "json", "cut"}).out;
  EXPECT_THAT(input, StartsWith("{\n    \"policies\": {\n        \"cut\": {"));
  EXPECT_EQ(run({"apply", "-f", "-"}).out, "cut unchanged\n");
  EXPECT_EQ(run({"export", "none"}).code, 1);
}

TEST_F(CliFiles, TheSchemaIsJson) {
  const auto schema = policy::parse_json(run({"schema"}).out);
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->at("title").as_string(), "Entropy policies");
}

TEST_F(CliFiles, LabelsAreSetAndFilteredBy) {
  run({"create", "--name", "a", "-c", "x", "-e", "partition", "--label", "team=one", "--label", "entropy.x=2"});
  create("b");
  EXPECT_EQ(run({"ls", "-q", "--filter", "label=team=one"}).out, "a\n");
  EXPECT_EQ(run({"ls", "-q", "--filter", "label=team"}).out, "a\n");
  EXPECT_EQ(run({"ls", "-q", "--filter", "label=team=two"}).out, "");
  EXPECT_EQ(run({"create", "-c", "x", "-e", "partition", "--label", "team"}).code, 2);
}

}  // namespace
}  // namespace entropy::cli

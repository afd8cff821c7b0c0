// completion, faults --timeline, top, compose, and being a plugin of Docker's command line.
#include <gmock/gmock.h>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/cli_fixture.hpp"
#include "cli/table.hpp"
#include "cli/timeline.hpp"
#include "cli/top.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace json = boost::json;

class Views : public Cli {
 protected:
  // The words alone.
  std::vector<std::string> completed(std::vector<std::string> words) {
    words.insert(words.begin(), "__complete");
    std::vector<std::string> found;
    const Outcome outcome = run(std::move(words));
    for (const auto line : split(outcome.out, '\n')) found.emplace_back(line.substr(0, line.find('\t')));
    found.pop_back();  // behind the last end of line
    return found;
  }
};

TEST_F(Views, CompletesCommandsOptionsAndValues) {
  create("half-cut");
  server.on_thread([&] {
    server.service.target_states = {{"1", "web", "local", true, "", "", {{"service", "db"}, {"tier", "gold"}}}};
  });
  EXPECT_THAT(completed({"cr"}), testing::ElementsAre("create"));
  EXPECT_THAT(completed({""}), testing::IsSupersetOf({"apply", "ls", "run", "top", "completion"}));
  EXPECT_THAT(completed({"ls", "--no"}), testing::ElementsAre("--no-trunc"));
  EXPECT_THAT(completed({"rm", ""}), testing::ElementsAre("half-cut"));
  EXPECT_THAT(completed({"ls", "-H", ""}), testing::ElementsAre());
  EXPECT_THAT(completed({"create", "-e", "par"}), testing::ElementsAre("partition"));
  EXPECT_THAT(completed({"create", "-e", "partition", "-o", "mode"}), testing::ElementsAre("mode=drop", "mode=reject"));
  EXPECT_THAT(completed({"create", "-c", "s"}), testing::ElementsAre("service=db"));
  EXPECT_THAT(completed({"match", ""}), testing::ElementsAre("@name=web", "service=db", "tier=gold"));
  EXPECT_THAT(completed({"apply", "-f", ""}), testing::ElementsAre("")) << "files are the shell's";
  EXPECT_THAT(completed({"--log-level", "d"}), testing::ElementsAre("debug"));
  server.stop(1s);
  EXPECT_THAT(completed({"rm", ""}), testing::ElementsAre());
}

TEST_F(Views, PrintsScriptsForTheShells) {
  for (const std::string shell : {"bash", "zsh", "fish"})
    EXPECT_THAT(run({"completion", shell}).out, HasSubstr("__complete")) << shell;
  EXPECT_EQ(run({"completion", "tcsh"}).code, 2);
}

TEST(Timeline, DrawsWhatWasAndWhatWillBe) {
  using Kind = Lane::Stretch::Kind;
  const Time zero{};
  Lane lane{"demo", "web", {}, policy::never, {}};
  lane.schedule.emplace().epoch = zero;
  lane.schedule->frequency = 10s;
  lane.schedule->duration = 5s;
  lane.stretches = {{Kind::held, zero + 10s, zero + 15s},
                    {Kind::missed, zero + 20s, zero + 25s},
                    {Kind::foreseen, zero + 50s, zero + 55s}};
  // 14 columns of names, a second each, one column for "now".
  const std::string picture = draw_timeline({lane}, {zero, zero + 30s, zero + 60s}, 14 + 60 + 3);
  const auto lines = split(picture, '\n');
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[1], "demo    web     ·····     █████     xxxxx     |·····     ·····     ░░░░░");
  EXPECT_EQ(lines[0].substr(16, 4), "-30s");
  EXPECT_THAT(std::string(lines[0]), AllOf(HasSubstr("now"), HasSubstr("+30s")));
  EXPECT_EQ(lines[2], "█ held   x missed   · spared   ░ will hold");
}

TEST(Timeline, APolicyThatNoLongerRunsHasNoWindows) {
  const Time zero{};
  Lane lane{"demo", "web", {}, policy::never, {{Lane::Stretch::Kind::held, zero + 10s, zero + 15s}}};
  const TimelineRange range{zero, zero + 30s, zero + 60s};
  const auto line = [&] { return std::string(split(draw_timeline({lane}, range, 14 + 60 + 3), '\n')[1]); };
  EXPECT_EQ(line(), "demo    web               █████               |") << "it was removed";
  lane.schedule.emplace().frequency = 10s;
  lane.until = zero + 25s;
  EXPECT_EQ(line(), "demo    web     ··········█████··········     |") << "it was stopped";
}

TEST_F(Views, FaultsOnATimeline) {
  create("demo");
  server.on_thread([&] {
    control::FaultRecord record;
    record.policy = "demo";
    record.target = "web";
    record.endpoint = "local";
    record.planned_start = SystemClock().now() - 60s;
    record.started = record.planned_start;
    server.service.fault_records = {record};
  });
  width = 80;
  const Outcome outcome = run({"faults", "--timeline", "--since", "2m", "--forecast", "10m"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("demo    web"), HasSubstr("█"), HasSubstr("░"))) << outcome.err;
  for (const auto line : split(outcome.out, '\n')) EXPECT_LE(display_width(line), width) << outcome.out;
  server.on_thread([&] {
    auto& record = server.service.fault_records.front();
    record.outcome = control::Outcome::failed;
    record.ended = record.started;
    record.started.reset();
    record.planned_end = record.planned_start + 10min;
    record.policy = "removed";
  });
  const std::string failed = run({"faults", "--timeline", "--since", "2m", "--forecast", "10m"}).out;
  const auto lines = split(failed, '\n');
  EXPECT_EQ(std::ranges::count(lines[2], 'x'), 1) << failed << "a failed attempt of a policy that is gone";
  EXPECT_FALSE(lines[2].contains("·")) << failed;
  const Outcome alone = run({"faults", "--timeline", "--policy", "removed", "--since", "2m"});
  EXPECT_EQ(alone.code, 0) << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("removed  web"));
  server.on_thread([&] { server.service.fault_records.clear(); });
  const Outcome nothing = run({"faults", "--timeline", "--policy", "removed"});
  EXPECT_EQ(nothing.code, 1);
  EXPECT_THAT(nothing.err, HasSubstr("if it was removed, entropy faults --policy removed has what is left"));
  run({"create", "--name", "instant", "-e", "kill", "-c", "a", "-f", "1m"});
  const std::string three = run({"faults", "--timeline", "--since", "2m", "--forecast", "10m"}).out;
  EXPECT_THAT(std::string(split(three, '\n')[2]), AllOf(HasSubstr("instant"), Not(HasSubstr("·")))) << three;
  EXPECT_EQ(run({"faults", "--timeline", "--since", "soon"}).code, 2);
  EXPECT_EQ(run({"faults", "--timeline", "--limit", "3"}).code, 2);
}

TEST_F(Views, ATimelineTellsEnginesApart) {
  server.on_thread([&] {
    for (const auto* endpoint : {"east", "west"}) {
      control::FaultRecord record;
      record.policy = "demo";
      record.target = "web";
      record.endpoint = endpoint;
      record.planned_start = SystemClock().now() - 60s;
      server.service.fault_records.push_back(record);
    }
  });
  const Outcome both = run({"faults", "--timeline", "--policy", "demo", "--target", "web"});
  EXPECT_THAT(both.out, AllOf(HasSubstr("demo    east/web"), HasSubstr("demo    west/web"))) << both.err;
}

TEST_F(Views, WhatIsNotKnownIsNotDrawnAsSpared) {
  run({"create", "--name", "demo", "-e", "partition", "-c", "a", "-f", "1"});
  const Time now = std::chrono::floor<std::chrono::seconds>(SystemClock().now());
  const auto remember = [&](std::uint64_t windows) {
    std::vector<control::FaultRecord> records;
    for (std::uint64_t id = windows; id > 0; --id) {
      control::FaultRecord record;
      record.id = id;
      record.policy = "demo";
      record.target = "web";
      record.endpoint = "local";
      record.outcome = control::Outcome::completed;
      record.planned_start = now - 1s * static_cast<int>(windows - id + 1);
      record.started = record.planned_start;
      record.ended = record.planned_start + 1s;
      records.push_back(record);
    }
    server.on_thread([&] { server.service.fault_records = records; });
  };
  const auto past_of = [](const Outcome& outcome) {
    const std::string line(split(outcome.out, '\n')[1]);
    return line.substr(0, line.find('|'));
  };
  remember(2500);
  const Outcome pages = run({"faults", "--timeline", "--since", "20m"});
  EXPECT_THAT(past_of(pages), AllOf(HasSubstr("█"), Not(HasSubstr("·")))) << pages.out;
  EXPECT_EQ(pages.err, "");
  remember(10'500);
  const Outcome cut = run({"faults", "--timeline", "--since", "5h"});
  EXPECT_THAT(past_of(cut), AllOf(HasSubstr("█"), Not(HasSubstr("·")))) << cut.out;
  EXPECT_THAT(cut.out, HasSubstr("-2h46m")) << "where what is known begins";
  EXPECT_THAT(cut.err, HasSubstr("only the newest 10000 faults are drawn"));
  std::vector<control::ForecastRow> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back({"demo", "web", "local", {0, now + 1s * i, now + 1s * (i + 1)}});
  server.on_thread([&] { server.service.foreseen = rows; });
  const Outcome ahead = run({"faults", "--timeline", "--since", "10m", "--forecast", "1h"});
  const std::string line(split(ahead.out, '\n')[1]);
  EXPECT_THAT(line.substr(line.find('|')), AllOf(HasSubstr("░"), Not(HasSubstr("·")))) << ahead.out;
  EXPECT_THAT(ahead.err, HasSubstr("only the next 1000 windows of a policy are drawn"));
}

TEST_F(Views, TopInAPipeIsOnePicture) {
  create("demo");
  control::InjectorView view;
  view.target_name = "web";
  view.active = {{"demo", "partition", 0, SystemClock().now() - 90s}};
  server.on_thread([&] {
    server.service.injector_views = {view};
    server.service.halted = {true, "drill", Time(1s)};
  });
  const Outcome outcome = run({"top"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("1 policies, 1 injectors, 1 active faults"), HasSubstr("HALTED since"),
                                 HasSubstr("drill"), HasSubstr("when stopped"), Not(HasSubstr("\033"))))
      << outcome.err;
  server.stop(1s);
  EXPECT_EQ(run({"top"}).code, 1);
}

TEST(Top, CountsDown) {
  TopFrame frame;
  frame.now = *parse_rfc3339("2026-11-22T10:00:13Z");
  frame.policies = {
      json::object{{"name", "demo"},
                   {"selector", "a"},
                   {"failure", "partition"},
                   {"frequency", "10s"},
                   {"duration", "5s"},
                   {"epoch", "2026-11-22T10:00:00Z"},
                   {"status", json::object{{"phase", "active"}, {"next_window", "2026-11-22T10:00:20Z"}}}}};
  frame.injectors = {json::object{
      {"target", json::object{{"name", "web"}}},
      {"active",
       json::array{json::object{
           {"policy", "demo"}, {"failure", "partition"}, {"window", 1}, {"since", "2026-11-22T10:00:11Z"}}}}}};
  const std::string picture = draw_top(frame, {0, false});
  EXPECT_THAT(picture, testing::ContainsRegex("demo +active .* 7s"));
  EXPECT_THAT(picture, testing::ContainsRegex("web +demo +partition +1 +2s +2s"));
  EXPECT_THAT(draw_top(frame, {0, true}), HasSubstr("\033[1m"));
  frame.policies.front().get_object()["acts"] = json::array{json::object{
      {"policy", "demo"}, {"failure", "pause"}, {"window", 1}, {"since", "2026-11-22T10:00:10Z"}, {"target", "db"}}};
  const std::string with_act = draw_top(frame, {0, false});
  EXPECT_THAT(with_act, testing::ContainsRegex("db +demo +pause +1 +3s +2s +engine"));
  EXPECT_THAT(with_act, HasSubstr("1 injectors, 2 active faults"));
}

TEST_F(Views, InspectAsATable) {
  create("demo");
  server.on_thread([&] { server.service.kept.at("demo").skipped = {{"2", "db", "local", false, "it is protected"}}; });
  const Outcome outcome = run({"inspect", "--format", "table", "demo"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("demo    web     local     active"), HasSubstr("skipped  it is protected")));
}

TEST_F(Views, IsAProviderOfCompose) {
  const auto lines = [](const Outcome& outcome) {
    std::vector<json::value> messages;
    for (const auto line : split(outcome.out, '\n')) {
      if (!line.empty()) messages.push_back(*policy::parse_json(line));
    }
    return messages;
  };
  const std::vector<std::string> up = {
      "compose",        "--project-name", "shop",        "up",   "--selector=@service=db",
      "--failure=loss", "--param",        "percent=10%", "chaos"};
  const Outcome first = run(up);
  EXPECT_EQ(first.code, 0) << first.err;
  ASSERT_EQ(lines(first).size(), 2U);
  EXPECT_EQ(lines(first)[0].at("type"), "info");
  EXPECT_EQ(lines(first)[1], json::value({{"type", "setenv"}, {"message", "POLICY=shop-chaos"}}));
  EXPECT_EQ(run(up).code, 0) << "up is idempotent";
  const auto policy = server.on_thread([&] { return server.service.kept.at("shop-chaos").record.policy; });
  EXPECT_EQ(policy.selector.text(), "@service=db,@project=shop");
  create("other");
  EXPECT_EQ(lines(run({"compose", "--project-name=shop", "down", "chaos"})).size(), 1U);
  EXPECT_EQ(run({"ls", "-q"}).out, "other\n");
  const Outcome refused = run({"compose", "--project-name=shop", "up", "--selctor=a", "chaos"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(std::string(lines(refused)[0].at("message").as_string()), HasSubstr("did you mean \"selector\"?"));
  EXPECT_EQ(run({"compose", "up", "chaos"}).code, 2);
  EXPECT_EQ(run({"compose"}).code, 2);
  EXPECT_TRUE(lines(run({"compose", "metadata"}))[0].at("up").at("parameters").is_array());
}

TEST_F(Views, IsAPluginOfDocker) {
  const auto metadata = policy::parse_json(run({"docker-cli-plugin-metadata"}).out);
  ASSERT_TRUE(metadata);
  EXPECT_EQ(metadata->at("SchemaVersion"), "0.1.0");
  create("demo");
  EXPECT_EQ(run({"entropy", "ls", "-q"}).out, "demo\n");
}

}  // namespace
}  // namespace entropy::cli

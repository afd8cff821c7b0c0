// run.
#include "cli/run_report.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/file.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "base/text.hpp"
#include "cli/cli_fixture.hpp"
#include "cli/command.hpp"
#include "cli/run_folder.hpp"

namespace entropy::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Run : public Cli {
 protected:
  Run() {
    char name[] = "/tmp/entropy-cli-run-XXXXXX";
    folder = ::mkdtemp(name);
    control::EndpointView engine;
    engine.endpoint = "local";
    engine.up = true;
    control::FaultRecord held;
    held.policy = "cut";
    held.target = "web";
    held.started = Time(1s);
    held.outcome = store::Outcome::completed;
    server.on_thread([&] {
      server.service.endpoint_views = {engine};
      server.service.target_states = {{"1", "web", "local", true, ""}};
      server.service.fault_records = {held};
    });
    input = "policies: {cut: {selector: service=web, failure: partition}}";
  }
  ~Run() override { std::filesystem::remove_all(folder); }

  Outcome run_with(std::vector<std::string> options, std::vector<std::string> command) {
    options.insert(options.begin(), {"run", "-f", "-"});
    options.emplace_back("--");
    options.insert(options.end(), command.begin(), command.end());
    return run(std::move(options));
  }
  std::string read(const std::string& name) const {
    std::ifstream file(concat(folder, "/", name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::size_t policies() {
    return server.on_thread([&] { return server.service.kept.size(); });
  }

  std::string folder;
};

TEST_F(Run, RunsTheCommandUnderThePoliciesAndTakesThemBack) {
  const Outcome outcome = run_with({"--seed", "5"}, {"sh", "-c", concat("echo $0 $@ >", folder, "/out"), "-x", "--y"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(read("out"), "-x --y\n");
  EXPECT_THAT(outcome.err, HasSubstr("entropy: ready: cut\n"));
  EXPECT_THAT(outcome.err, HasSubstr("entropy: cut: 1 hit on 1 container (seed 5)\n"));
  EXPECT_EQ(policies(), 0U);
  const auto made = server.on_thread([&] { return server.service.written.front(); });
  EXPECT_EQ(made.schedule.seed, 5U);
  EXPECT_EQ(made.schedule.ttl, Duration(30s));
  EXPECT_TRUE(made.labels.contains(std::string(run_label)));
}

TEST_F(Run, TheExitCodeIsTheCommands) {
  EXPECT_EQ(run_with({}, {"sh", "-c", "exit 3"}).code, 3);
  EXPECT_EQ(run_with({}, {"sh", "-c", "kill -9 $$"}).code, 137);
  EXPECT_EQ(policies(), 0U);
}

TEST_F(Run, NothingIsMadeForACommandThatCannotBeRun) {
  const Outcome missing = run_with({}, {"entropy-no-such-command"});
  EXPECT_EQ(missing.code, 127);
  EXPECT_EQ(missing.err, "entropy: entropy-no-such-command: command not found\n");
  EXPECT_EQ(run_with({}, {"/etc/passwd"}).code, 126);
  EXPECT_TRUE(server.on_thread([&] { return server.service.written.empty(); }));
}

TEST_F(Run, WhatDoesNotHappenIsAFailure) {
  server.on_thread([&] { server.service.target_states = {{"1", "db", "local", false, "no"}}; });
  const Outcome unmatched = run_with({}, {"true"});
  EXPECT_EQ(unmatched.code, 125);
  EXPECT_EQ(unmatched.err, "entropy: cut: nothing matches service=web but db, and no (entropy match says more)\n");
  server.on_thread([&] { server.service.target_states = {{"1", "web", "local", true, ""}}; });
  input = "policies: {cut: {selector: service=web, failure: partition, expect: {hits: 2, targets: 2}}}";
  const Outcome fewer = run_with({}, {"true"});
  EXPECT_EQ(fewer.code, 125);
  EXPECT_THAT(fewer.err, HasSubstr("entropy: cut: FAILED: 1 hit, at least 2 expected\n"));
  EXPECT_THAT(fewer.err, HasSubstr("entropy: cut: FAILED: hit 1 container, at least 2 expected\n"));
  server.on_thread([&] {
    server.service.fault_records.front().outcome = store::Outcome::missed;
    server.service.fault_records.front().message = "late";
  });
  input = "policies: {cut: {selector: service=web, failure: partition}}";
  EXPECT_THAT(run_with({}, {"true"}).err, HasSubstr("cut: FAILED: never fired (missed on web: late)\n"));
  input = "policies: {cut: {selector: service=web, failure: partition, expect: {hits: 0}}}";
  EXPECT_EQ(run_with({}, {"true"}).code, 0);
  input = "policies: {cut: {selector: service=web, failure: partition, expect: {hits: 0, missed: 0}}}";
  EXPECT_EQ(run_with({}, {"true"}).code, 125);
}

TEST_F(Run, WhatIsLeftIsAFailure) {
  server.on_thread([&] { server.service.rollback_error = Error{ErrorCode::unavailable, "1 fault is left on web"}; });
  const Outcome outcome = run_with({}, {"true"});
  EXPECT_EQ(outcome.code, 125);
  EXPECT_THAT(outcome.err, HasSubstr("entropy: FAILED: not rolled back: 1 fault is left on web\n"));
  EXPECT_EQ(run_with({}, {"sh", "-c", "exit 3"}).code, 125) << "the name is taken now";
}

TEST_F(Run, WithoutAnEngineOrAServiceItIs125) {
  server.on_thread([&] {
    server.service.endpoint_views.front().up = false;
    server.service.endpoint_views.front().message = "permission denied";
  });
  const Outcome outcome = run_with({}, {"true"});
  EXPECT_EQ(outcome.code, 125);
  EXPECT_EQ(outcome.err, "entropy: local: permission denied\n");
  server.stop(1s);
  EXPECT_EQ(run_with({}, {"true"}).code, 125);
}

TEST_F(Run, AServiceOfItsOwnReachesTheEngineAsDockerDoes) {
  env["DOCKER_HOST"] = "tcp://docker:2376";
  env["DOCKER_TLS_VERIFY"] = "1";
  env["DOCKER_CERT_PATH"] = "/certs/client";
  const Outcome outcome = run_with({"--standalone"}, {"true"});
  EXPECT_EQ(outcome.code, 125);
  EXPECT_EQ(outcome.err, "entropy: no service here\n");
  ASSERT_TRUE(managed);
  EXPECT_EQ(managed->endpoints.front(), "tcp://docker:2376");
  EXPECT_EQ(managed->docker_cert_path, "/certs/client");
}

TEST_F(Run, TheCommandLooksAtTheServiceOfItsOwn) {
  class Standin final : public BackgroundService {
    bool runs() override { return true; }
    int stop() override { return 0; }
  };
  api::RunningServer own(with_token(), true);
  own.on_thread([&] {
    own.service.endpoint_views = server.service.endpoint_views;
    own.service.target_states = server.service.target_states;
    own.service.fault_records = server.service.fault_records;
  });
  start_service = [&] {
    std::filesystem::create_symlink(own.addresses.back().path, concat(managed->data_dir, "/entropy.sock"));
    std::ofstream(concat(managed->data_dir, "/token")) << "secret\n";
    return std::make_unique<Standin>();
  };
  ::setenv("ENTROPY_TOKEN", "of another service", 1);
  ::setenv("ENTROPY_TOKEN_FILE", "/etc/passwd", 1);
  const Outcome outcome = run_with({"--standalone"}, {"sh", "-c", concat("env | grep ^ENTROPY_ >", folder, "/out")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(read("out"), HasSubstr(concat("ENTROPY_DATA_DIR=", managed->data_dir, "\n")));
  EXPECT_THAT(read("out"), HasSubstr(concat("ENTROPY_HOST=unix://", managed->data_dir, "/entropy.sock\n")));
  EXPECT_THAT(read("out"), testing::Not(HasSubstr("ENTROPY_TOKEN"))) << "the one in its folder is the right one";
}

TEST_F(Run, AFolderTooDeepForASocketIsSaid) {
  const std::string deep = concat(folder, "/", std::string(90, 'x'));
  std::filesystem::create_directory(deep);
  env["TMPDIR"] = deep;
  const Outcome outcome = run_with({"--standalone"}, {"true"});
  EXPECT_EQ(outcome.code, 125);
  EXPECT_THAT(outcome.err, HasSubstr("TMPDIR"));
  EXPECT_THAT(outcome.err, HasSubstr("at most 107 characters"));
  EXPECT_FALSE(managed) << "no service is begun";
  EXPECT_TRUE(std::filesystem::is_empty(deep));
}

TEST_F(Run, WritesReports) {
  const auto path = [&](std::string_view format, std::string_view name) {
    return concat(format, "=", folder, "/", name);
  };
  const Outcome outcome = run_with(
      {"--report", path("junit", "a.xml"), "--report", path("json", "a.json"), "--report", path("markdown", "a.md")},
      {"sh", "-c", "exit 3"});
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_THAT(read("a.xml"), HasSubstr("<testsuite name=\"entropy\" tests=\"3\" failures=\"1\""));
  EXPECT_THAT(read("a.xml"), HasSubstr("<testcase classname=\"entropy\" name=\"cut happened\"/>"));
  EXPECT_THAT(read("a.xml"), HasSubstr("<failure message=\"exited 3\"/>"));
  const auto json = policy::parse_json(read("a.json"));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->at("exit_code"), boost::json::value(3));
  EXPECT_EQ(json->at("policies").at(0).at("hits"), boost::json::value(1));
  EXPECT_EQ(json->at("faults").as_array().size(), 1U);
  EXPECT_THAT(read("a.md"), HasSubstr("| cut | "));
  EXPECT_EQ(run_with({"--report", "xml=a"}, {"true"}).code, 2);
}

TEST_F(Run, AReportThatCannotBeWrittenIsKnownBeforehand) {
  const Outcome outcome =
      run_with({"--report", concat("json=", folder, "/none/a.json")}, {"touch", concat(folder, "/ran")});
  EXPECT_EQ(outcome.code, 125);
  EXPECT_EQ(outcome.err,
            concat("entropy: --report: ", folder, "/none/a.json cannot be written: No such file or directory\n"));
  EXPECT_FALSE(std::filesystem::exists(concat(folder, "/ran")));
  EXPECT_TRUE(server.on_thread([&] { return server.service.written.empty(); }));
}

TEST_F(Run, WhatKeepsItFromBeginningIsInTheReports) {
  const std::vector<std::string> reports = {"--report", concat("junit=", folder, "/a.xml"),
                                            "--report", concat("json=", folder, "/a.json"),
                                            "--report", concat("markdown=", folder, "/a.md")};
  server.on_thread([&] { server.service.target_states.clear(); });
  EXPECT_EQ(run_with(reports, {"true"}).code, 125);
  EXPECT_THAT(read("a.xml"), HasSubstr("tests=\"3\" failures=\"2\""));
  EXPECT_THAT(read("a.xml"), HasSubstr("name=\"began\">\n    <failure message=\"cut: nothing matches service=web"));
  EXPECT_THAT(read("a.xml"), HasSubstr("<failure message=\"was not run\"/>"));
  const auto json = policy::parse_json(read("a.json"));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->at("passed"), false);
  EXPECT_EQ(json->at("problems").as_array().size(), 1U);
  EXPECT_THAT(read("a.md"), HasSubstr("## Entropy: failed\n\ncut: nothing matches service=web"));
  input = "policies: {a: {selector: x, failure: latncy}, b: 1}";
  EXPECT_EQ(run_with(reports, {"true"}).code, 125) << "a file that is wrong";
  EXPECT_THAT(read("a.xml"), HasSubstr("did you mean &quot;latency&quot;"));
  EXPECT_THAT(read("a.xml"), HasSubstr("(standard input):1:"));
}

TEST_F(Run, RenewsItsLease) {
  auto running = std::async(std::launch::async, [&] {
    return run_with({"--lease", "1s"}, {"sh", "-c", concat("while [ ! -e ", folder, "/go ]; do sleep 0.02; done")});
  });
  server.wait_until([&] { return server.service.written.size() >= 3; });
  const auto ttls = server.on_thread([&] {
    std::vector<Duration> all;
    for (const auto& each : server.service.written) all.push_back(*each.schedule.ttl);
    return all;
  });
  EXPECT_LT(ttls[0], ttls[1]);
  EXPECT_LT(ttls[1], ttls[2]);
  std::ofstream(concat(folder, "/go")) << "go";
  EXPECT_EQ(running.get().code, 0);
}

TEST_F(Run, ItsLeaseCountsFromWhereThePolicyBegan) {
  auto running = std::async(std::launch::async, [&] {
    return run_with({"--lease", "1s"}, {"sh", "-c", concat("while [ ! -e ", folder, "/go ]; do sleep 0.02; done")});
  });
  const auto latest = [&] { return *server.service.written.back().schedule.ttl; };
  server.wait_until([&] { return !server.service.written.empty() && latest() > Duration(2500ms); });
  // As when its start_when has come to hold.
  server.on_thread([&] { server.service.kept.at("cut").record.policy.schedule.epoch = Time(9s); });
  server.wait_until([&] { return latest() < Duration(2500ms); });
  EXPECT_LT(server.on_thread(latest), Duration(1500ms)) << "a run that is killed now leaves nothing for longer";
  std::ofstream(concat(folder, "/go")) << "go";
  EXPECT_EQ(running.get().code, 0);
}

TEST_F(Run, WhatAnOperatorStopsStaysStopped) {
  auto running = std::async(std::launch::async, [&] {
    return run_with({"--lease", "1s"}, {"sh", "-c", concat("while [ ! -e ", folder, "/go ]; do sleep 0.02; done")});
  });
  server.wait_until([&] { return server.service.written.size() >= 2; });
  run({"stop", "cut"});
  const auto versions = server.on_thread([&] { return server.service.written.size(); });
  // The next look at it says so, before the command may end.
  const auto said = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(600ms);
    std::ofstream(concat(folder, "/go")) << "go";
  });
  const Outcome outcome = running.get();
  EXPECT_THAT(outcome.err, HasSubstr("entropy: cut: somebody else has stopped it\n"));
  EXPECT_EQ(server.on_thread([&] { return server.service.written.size(); }), versions);
}

TEST_F(Run, RemovesWhatAKilledRunHasLeft) {
  policy::Draft left;
  left.policy.name = "cut";
  left.policy.labels[std::string(run_label)] = "somebody";
  server.on_thread([&] {
    ASSERT_TRUE(server.service.create_policy(left, {}));
    server.service.kept.at("cut").status.phase = control::Phase::expired;
  });
  const Outcome outcome = run_with({}, {"true"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("entropy: removed cut, left by a run that was killed\n"));
}

TEST_F(Run, WithoutACommandItWaitsUntilThePolicyHolds) {
  server.on_thread([&] { server.service.running_phase = control::Phase::active; });
  const Outcome outcome =
      run({"run", "--name", "cut", "-e", "latency", "-o", "delay=1s", "-c", "service=web", "-f", "10"});
  EXPECT_EQ(outcome.out, "cut\n") << outcome.err;
  EXPECT_EQ(outcome.code, 0);
  const auto made = server.on_thread([&] { return server.service.kept.at("cut").record.policy; });
  EXPECT_EQ(made.schedule.frequency, Duration(10s));
  EXPECT_FALSE(made.schedule.ttl);
}

TEST_F(Run, ForSomeTime) {
  const Outcome outcome = run({"run", "-f", "-", "--for", "1s"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(policies(), 0U);
  EXPECT_EQ(server.on_thread([&] { return server.service.written.front().schedule.ttl; }), Duration(1s));
}

TEST_F(Run, WrongUsageIsExplained) {
  EXPECT_THAT(run({"run"}).err, HasSubstr("which policies?"));
  EXPECT_EQ(run({"run", "-f", "-", "-e", "latency", "-c", "a"}).code, 1) << "-f is the frequency there";
  EXPECT_EQ(run({"run", "--file", "-", "-e", "latency", "-c", "a"}).code, 2);
  for (const std::vector<std::string>& of_one : std::vector<std::vector<std::string>>{
           {"--probability", "1"}, {"--name", "x"}, {"-o", "delay=1s"}, {"--label", "a=b"}, {"--frequency", "5s"}}) {
    const Outcome both = run_with(of_one, {"true"});
    EXPECT_EQ(both.code, 2) << of_one.front();
    EXPECT_THAT(both.err, HasSubstr("not both")) << of_one.front();
  }
  EXPECT_THAT(run({"run", "-f", "-", "./test.sh"}).err, HasSubstr("put -- in front of the command"));
  EXPECT_EQ(run_with({"--for", "5"}, {"true"}).code, 2);
  EXPECT_THAT(run_with({"--endpoint", "unix:///e.sock"}, {"true"}).err, HasSubstr("--endpoint is for --standalone"));
  EXPECT_THAT(run({"run", "-e", "partition", "-c", "a", "--stopped"}).err, HasSubstr("create --stopped"));
  input = "policies: {cut: {selector: service=web, failure: partition, state: stopped}}";
  EXPECT_THAT(run_with({}, {"true"}).err, HasSubstr("nothing to run"));
  input = "policies: 1";
  EXPECT_EQ(run_with({}, {"true"}).code, 125);
  EXPECT_EQ(run({"run", "-f", "-", "--for", "1s"}).code, 1) << "125 is of runs with a command";
}

TEST_F(Run, TheFoldersOfDeadRunsAreRemovedWithTheNext) {
  namespace fs = std::filesystem;
  const auto living = RunFolder::make(folder);
  ASSERT_TRUE(living);
  fs::create_directories(concat(folder, "/elsewhere/data"));
  fs::create_directory_symlink(concat(folder, "/elsewhere"), concat(folder, "/entropy-run-linked"));
  for (const std::string_view name : {"dead01/data", "served", "of-somebody"})
    fs::create_directories(concat(folder, "/entropy-run-", name));
  std::ofstream(concat(folder, "/entropy-run-a-file")) << "text";
  const Fd lock(::open(concat(folder, "/entropy-run-served/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  {
    const auto next = RunFolder::make(folder);
    ASSERT_TRUE(next);
    EXPECT_TRUE(fs::exists(next->path()));
    EXPECT_FALSE(fs::exists(concat(folder, "/entropy-run-dead01")));
    for (const std::string_view name : {"entropy-run-served", "entropy-run-of-somebody", "entropy-run-a-file",
                                        "entropy-run-linked", "elsewhere/data"})
      EXPECT_TRUE(fs::exists(concat(folder, "/", name))) << name;
    EXPECT_TRUE(fs::exists(living->path()));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 6) << "its own is gone with it";
}

TEST(RunReport, TextIsEscaped) {
  RunOutcome outcome;
  outcome.command = {"sh", "-c", "echo \"<a>|b\""};
  outcome.exit_code = 0;
  PolicyOutcome policy;
  policy.name = "p";
  policy.problems = {"a|b & <c>"};
  outcome.policies = {policy};
  EXPECT_THAT(junit_report(outcome), HasSubstr("<failure message=\"a|b &amp; &lt;c&gt;\"/>"));
  EXPECT_THAT(junit_report(outcome), HasSubstr("name=\"sh -c echo &quot;&lt;a&gt;|b&quot;\""));
  EXPECT_THAT(markdown_report(outcome), HasSubstr("| a\\|b & <c> |"));
  EXPECT_EQ(exit_code_of(outcome), 125);
}

}  // namespace
}  // namespace entropy::cli

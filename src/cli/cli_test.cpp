// Whole commands against a real API server with a fake control plane behind it.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "cli/cli_fixture.hpp"
#include "cli/table.hpp"
#include "failure/catalogue.hpp"

namespace entropy::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(Cli, CreatesThePolicyOfTheReadme) {
  const Outcome outcome = run({"create",
                               "--name",
                               "demo",
                               "--seed",
                               "7",
                               "--failure",
                               "latency",
                               "-o",
                               "delay=200ms",
                               "-o",
                               "jitter=10ms",
                               "--frequency",
                               "10",
                               "--probability",
                               ".25",
                               "--criteria",
                               "service=ping",
                               "--stopped",
                               "--description",
                               "a demo",
                               "--ttl",
                               "1h",
                               "--windows",
                               "9",
                               "--delay",
                               "1s",
                               "-d",
                               "5"});
  EXPECT_EQ(outcome.out, "demo\n") << outcome.err;
  EXPECT_EQ(outcome.code, 0);
  const auto policy = server.on_thread([&] { return server.service.kept.at("demo").record.policy; });
  EXPECT_EQ(policy.selector.text(), "service=ping");
  EXPECT_EQ(policy.schedule.frequency, Duration(10s));
  EXPECT_EQ(policy.schedule.duration, Duration(5s));
  EXPECT_EQ(policy.schedule.probability, 0.25);
  EXPECT_EQ(policy.schedule.seed, 7U);
  EXPECT_EQ(policy.schedule.windows, 9U);
  EXPECT_EQ(failure::to_string(policy.failures.front()), "latency delay=200ms jitter=10ms");
  EXPECT_FALSE(policy.running);
}

TEST_F(Cli, PrintsEachWrongField) {
  const Outcome outcome = run({"create", "-c", "a in (", "-e", "latency", "-o", "delay=5", "-p", "2"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("entropy: failure.latency.delay: "));
  EXPECT_THAT(outcome.err, HasSubstr("entropy: probability: "));
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 3);
  create("demo");
  EXPECT_EQ(create("demo").err, "entropy: the name \"demo\" is taken\n");
}

TEST_F(Cli, ListsPolicies) {
  run({"create", "--name", "demo", "-c", "service=db", "-e", "partition", "-f", "10", "-d", "5", "-p", "50%"});
  create("other");
  const Outcome table = run({"ls"});
  EXPECT_THAT(table.out, StartsWith("NAME   SELECTOR    FAILURE    SCHEDULE             PHASE  TARGETS  ACTIVE\n"));
  EXPECT_THAT(table.out, HasSubstr("\ndemo   service=db  partition  5s every 10s, p=0.5  armed  1        0\n"));
  EXPECT_EQ(run({"ls", "-q"}).out, "demo\nother\n");
  EXPECT_EQ(run({"ls", "-q", "--filter", "name=o*", "--filter", "failure=partition"}).out, "other\n");
  EXPECT_EQ(run({"ls", "--format", "{{.Name}}\\t{{.Status.Phase}} {{json .Selector}}"}).out,
            "demo\tarmed \"service=db\"\nother\tarmed \"service=db\"\n");
  EXPECT_THAT(run({"ls", "--format", "json"}).out, StartsWith("{\"name\":\"demo\""));
  EXPECT_EQ(run({"ls", "--format", "{{.Nmae}}"}).code, 2);
  EXPECT_EQ(run({"ls", "--filter", "x"}).code, 2);
  width = 60;
  const Outcome narrow = run({"ls"});
  for (const std::string_view line : split(narrow.out, '\n')) EXPECT_LE(display_width(line), width) << narrow.out;
}

TEST_F(Cli, ListsInjectors) {
  control::InjectorView view;
  view.id = std::string(64, 'a');
  view.name = "entropy-web";
  view.target_name = "web";
  view.active = {{"demo", "latency", 1, {}}};
  server.on_thread([&] { server.service.injector_views = {view}; });
  EXPECT_THAT(run({"lsi"}).out, HasSubstr("\naaaaaaaaaaaa  entropy-web  web"));
  EXPECT_THAT(run({"lsi"}).out, HasSubstr("demo/latency"));
  EXPECT_EQ(run({"lsi", "-q", "--no-trunc"}).out, view.id + "\n");
  EXPECT_THAT(run({"inspect", "entropy-web"}).out, HasSubstr("\"backend\": \"none\""));
}

TEST_F(Cli, InspectsAndGoesOnAfterAMissingOne) {
  create("demo");
  const Outcome outcome = run({"inspect", "none", "demo"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(policy::parse_json(outcome.out)->as_array().size(), 1U);
  EXPECT_THAT(outcome.out, StartsWith("[\n    {\n        \"name\": \"demo\""));
  EXPECT_THAT(outcome.err, HasSubstr("\"none\""));
  EXPECT_EQ(run({"inspect", "--format", "{{.Phase}}", "demo"}).out, "armed\n");
}

TEST_F(Cli, FormatsAreDockers) {
  create("demo");
  run({"create", "--name", "other", "-c", "a", "-e", "partition", "-f", "10"});
  EXPECT_EQ(run({"ls", "--format", "{{.Name}} [{{.Frequency}}]"}).out, "demo []\nother [10s]\n");
  EXPECT_EQ(run({"ls", "-q", "-f", "frequency=10s"}).out, "other\n");
  EXPECT_EQ(run({"ls", "--format", "table {{.Name}}\\t{{.Status.NextWindow}}\\t{{json .Failure}}"}).out,
            "NAME   NEXT WINDOW  FAILURE\n"
            "demo                {\"partition\":{}}\n"
            "other               {\"partition\":{}}\n");
  EXPECT_EQ(run({"ls", "--format", "table{{.Name}}\\t{{.Phase}}"}).out, "NAME   PHASE\ndemo   armed\nother  armed\n");
  EXPECT_EQ(run({"info", "--format", "table{{.Policies}}"}).out, "POLICIES\n2\n");
  EXPECT_EQ(run({"inspect", "-f", "{{.Frequency}}", "demo", "other"}).out, "\n10s\n");
  EXPECT_EQ(run({"version", "--format", "{{.Client.Version}} {{.Service.Version}}"}).out, "1.2.3 9.9.9\n");
  EXPECT_EQ(run({"-v"}).out, run({"--version"}).out);
  EXPECT_THAT(run({"failures", "delay", "--format", "{{.Name}}"}).out, "latency\n");
  EXPECT_THAT(run({"failures", "latncy"}).err, HasSubstr("did you mean \"latency\"?"));
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"ls", "--format", "jsno"},
                                             {"info", "--format", "table"},
                                             {"events", "--format", "jsno"},
                                             {"events", "--filter", "typ=x"},
                                             {"ls", "--format", "table {{.Nmae}}"}}) {
    const Outcome outcome = run(wrong);
    EXPECT_EQ(outcome.code, 2) << wrong.back();
    EXPECT_EQ(outcome.out, "") << wrong.back();
  }
  EXPECT_THAT(run({"ls", "--format", "jsno"}).err, HasSubstr("did you mean \"json\"?"));
  EXPECT_THAT(run({"events", "--filter", "typ=x"}).err, HasSubstr("did you mean \"type\"?"));
}

TEST_F(Cli, StopsStartsRemoves) {
  create("a");
  create("b");
  create("ls");  // a name that is a command, too
  EXPECT_EQ(run({"stop", "a", "ls"}).out, "a\nls\n");
  const auto together = [&] { return server.on_thread([&] { return server.service.stopped_together; }); };
  EXPECT_THAT(together(), ElementsAre(ElementsAre("a", "ls")));
  EXPECT_EQ(run({"start", "a"}).out, "a\n");
  const Outcome partly = run({"rm", "a", "none", "b"});
  EXPECT_EQ(partly.code, 1);
  EXPECT_EQ(partly.out, "a\nb\n");
  EXPECT_EQ(partly.err, "entropy: no policy named \"none\"\n");
  EXPECT_THAT(together().back(), ElementsAre("a", "none", "b")) << "before the first one is waited for";
  EXPECT_EQ(run({"rm", "-f", "none", "ls"}).code, 0);
  create("c");
  server.on_thread([&] { server.service.rollback_error = Error{ErrorCode::unavailable, "1 fault is left on web"}; });
  const Outcome stuck = run({"rm", "c"});
  EXPECT_EQ(stuck.code, 1);
  EXPECT_EQ(stuck.err, "entropy: 1 fault is left on web\n");
}

TEST_F(Cli, HaltsAndResumes) {
  EXPECT_EQ(run({"halt", "--reason", "drill"}).code, 0);
  EXPECT_EQ(server.on_thread([&] { return server.service.halted.reason; }), "drill");
  EXPECT_EQ(create("demo").code, 1);
  EXPECT_THAT(run({"info"}).out, HasSubstr("Halted:         true"));
  EXPECT_EQ(run({"resume"}).code, 0);
  EXPECT_FALSE(server.on_thread([&] { return server.service.halted.halted; }));
}

TEST_F(Cli, ShowsEventsUntilTheServiceEnds) {
  server.on_thread([&] {
    server.service.events = {{1, Time(1s), "fault.started", "demo", "web", "", {{"window", 3}}},
                             {2, Time(2s), "halt.begun", "", "", "", {}}};
  });
  const auto watch = [&](std::vector<std::string> more) {
    std::vector<std::string> args = {"events", "--since", "1970-01-01T00:00:00Z"};
    args.insert(args.end(), more.begin(), more.end());
    return std::async(std::launch::async, [this, args] { return run(args); });
  };
  auto all = watch({});
  auto some = watch({"--filter", "type=fault.*", "--filter", "policy=demo", "--format", "json"});
  server.wait_until([&] { return server.service.replays == 2; });
  server.stop(20s);
  EXPECT_EQ(all.get().out,
            "1970-01-01T00:00:01Z fault.started policy=demo target=web window=3\n"
            "1970-01-01T00:00:02Z halt.begun\n");
  const Outcome filtered = some.get();
  EXPECT_THAT(filtered.out, StartsWith("{\"id\":1,"));
  EXPECT_EQ(std::ranges::count(filtered.out, '\n'), 1);
  EXPECT_EQ(filtered.code, 1);
  EXPECT_EQ(filtered.err, "entropy: the service has ended the stream of events\n");
}

TEST_F(Cli, LooksForFilteredFaultsInOlderPages) {
  const auto keep = [&](std::uint64_t count) {
    server.on_thread([&] {
      server.service.fault_records.clear();
      for (std::uint64_t id = count; id > 0; --id) {
        control::FaultRecord record;
        record.id = id;
        record.policy = id <= 3 ? "old" : "new";
        server.service.fault_records.push_back(record);
      }
    });
  };
  keep(2500);
  EXPECT_EQ(run({"faults", "-q", "-f", "policy=old"}).out, "old 0\nold 0\nold 0\n");
  EXPECT_EQ(run({"faults", "-q", "-f", "policy=old", "-n", "2"}).out, "old 0\nold 0\n");
  EXPECT_EQ(std::ranges::count(run({"faults", "-q", "-f", "policy=new"}).out, '\n'), 100);
  EXPECT_EQ(std::ranges::count(run({"faults", "-q"}).out, '\n'), 100);
  EXPECT_EQ(run({"faults", "-f", "policy"}).code, 2);
  EXPECT_EQ(run({"faults", "-f", "policy=old", "-n", "0"}).code, 1);
  keep(12'000);
  const Outcome bounded = run({"faults", "-q", "-f", "policy=old"});
  EXPECT_EQ(bounded.out, "");
  EXPECT_THAT(bounded.err, HasSubstr("only the newest 10100 faults were looked through"));
  EXPECT_EQ(bounded.code, 0);
}

TEST_F(Cli, ShowsFaultsAndForecast) {
  create("demo");
  server.on_thread([&] {
    control::FaultRecord record;
    record.policy = "demo";
    record.target = "web";
    record.failure = "latency";
    server.service.fault_records = {record};
  });
  EXPECT_THAT(run({"faults", "--policy", "demo", "-n", "5"}).out, HasSubstr("\ndemo    web     latency"));
  EXPECT_EQ(server.on_thread([&] { return server.service.last_query.limit; }), 5U);
  EXPECT_THAT(run({"faults"}).out, HasSubstr("touched nothing so far"));
  server.on_thread([&] { server.service.fault_records.front().failure = "pause"; });
  EXPECT_THAT(run({"faults"}).out, Not(HasSubstr("touched nothing"))) << "it has nothing to do with packets";
  EXPECT_THAT(run({"faults", "--forecast", "10m"}).out, HasSubstr("WINDOW"));
  EXPECT_EQ(run({"faults", "--forecast", "10"}).code, 1);
  EXPECT_EQ(run({"faults", "--forecast", "10m", "--since", "1m"}).code, 2);
}

TEST_F(Cli, ShowsLogs) {
  server.on_thread([&] {
    control::InjectorView view;
    view.id = "abc";
    server.service.injector_views = {view};
    server.service.log_pieces = {"one\n", "two\n"};
  });
  EXPECT_EQ(run({"logs", "abc"}).out, "one\ntwo\n");
  EXPECT_EQ(run({"logs", "-f", "abc"}).out, "one\ntwo\n");
  const Outcome missing = run({"logs", "none"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(missing.err, "entropy: no injector \"none\"\n");
}

TEST_F(Cli, CreateMayWaitUntilThePolicyIsReady) {
  const std::vector<std::string> given = {"create", "--name", "p", "-c", "a", "-e", "partition", "--wait"};
  const auto with = [&](std::initializer_list<std::string> more) {
    auto words = given;
    words.insert(words.end(), more);
    return run(words);
  };
  server.on_thread([&] { server.service.running_phase = control::Phase::active; });
  const Outcome at_once = with({});
  EXPECT_EQ(at_once.code, 0) << at_once.err;
  EXPECT_EQ(at_once.out, "p\n");
  EXPECT_EQ(at_once.err, "");
  run({"rm", "p"});
  server.on_thread([&] { server.service.state_of_targets = "held-back"; });
  const Outcome limited = with({});
  EXPECT_EQ(limited.code, 0);
  EXPECT_EQ(limited.err, "entropy: p: 1 of 1 containers held back by the service's limits\n");
  run({"rm", "p"});
  server.on_thread([&] { server.service.running_phase = control::Phase::waiting; });
  const Outcome nobody = with({"--timeout", "1s"});
  EXPECT_EQ(nobody.code, 1);
  EXPECT_EQ(nobody.out, "p\n") << "it is there, and its name is known";
  EXPECT_EQ(nobody.err,
            "entropy: p: no container matches yet\n"
            "entropy: p: not ready within 1s (it stays: entropy inspect p, entropy rm p)\n");
  run({"rm", "p"});
  control::FaultRecord record;
  record.policy = "p";
  record.target = "web";
  record.outcome = control::Outcome::failed;
  record.message = "no room";
  server.on_thread([&] {
    server.service.running_phase = control::Phase::expired;
    server.service.fault_records = {record};
  });
  const Outcome over = with({"--timeout", "1s"});
  EXPECT_EQ(over.code, 1);
  EXPECT_EQ(over.err, "entropy: p: it has ended without a window that held (failed on web: no room)\n");
  run({"rm", "p"});
  server.on_thread([&] { server.service.fault_records.front().outcome = control::Outcome::completed; });
  EXPECT_EQ(with({}).code, 0);
  EXPECT_EQ(with({"--stopped"}).code, 2);
  EXPECT_EQ(with({"--timeout", "0s"}).code, 2);
  EXPECT_EQ(run({"create", "-c", "a", "-e", "partition", "--timeout", "5s"}).code, 2);
}

TEST_F(Cli, MatchesSayingWhyNot) {
  server.on_thread([&] {
    server.service.target_states = {{"1", "db", "local", false, "service=web does not hold (service=db)"},
                                    {"2", "web", "local", true, "", "", {}, "shop_web", "shop"}};
  });
  const Outcome outcome = run({"match", "service=web"});
  EXPECT_THAT(outcome.out, HasSubstr("2             web   shop_web  local     yes\n"
                                     "1             db              local     no       service=web does not"));
  EXPECT_THAT(run({"match", "service=web", "--format", "{{.name}} of {{.project}}"}).out, HasSubstr("web of shop\n"));
  EXPECT_EQ(run({"match", "-q", "service=web"}).out, "web\n");
  EXPECT_EQ(run({"match", ""}).code, 1);
  EXPECT_THAT(run({"match", "service=web", "-e", "packet_loss", "-e", "skew"}).out, HasSubstr("asked for loss,skew"));
}

TEST_F(Cli, MatchSaysWhichFailuresAreNotBuiltIn) {
  EXPECT_EQ(run({"match", "a", "-e", "packet_loss", "-e", "kill,dns"}).err, "");
  const Outcome outcome = run({"match", "a", "-e", "latncy"});
  EXPECT_EQ(outcome.code, 0) << "a custom image's failure may be called so";
  EXPECT_EQ(outcome.err,
            "entropy: no failure \"latncy\" is built in: did you mean \"latency\"? (a custom image may have it)\n");
}

TEST_F(Cli, DoctorSaysToStartAServiceWhereNoneAnswers) {
  EXPECT_THAT(run({"doctor"}).out, Not(HasSubstr("start one")));
  server.stop(1s);
  const Outcome outcome = run({"doctor", "--fix"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("note  where no service runs, start one: sudo entropy manage"));
}

TEST_F(Cli, ListsFailures) {
  const Outcome outcome = run({"failures"});
  EXPECT_THAT(outcome.out, HasSubstr("latency  packets arrive late (also: delay)\n"));
  EXPECT_THAT(outcome.out, HasSubstr("(required)"));
  EXPECT_THAT(run({"failures", "-q"}).out, HasSubstr("partition\n"));
}

TEST_F(Cli, CustomImages) {
  server.on_thread([&] {
    server.service.trouble = "web: by: is odd";
    server.service.trial_rules = {{"starts", control::TrialRule::Verdict::pass, ""},
                                  {"header", control::TrialRule::Verdict::note, "none"}};
  });
  const Outcome created = run({"create", "--name", "p", "-c", "a", "-i", "team/x:2", "-e", "skew", "-o", "by=5"});
  EXPECT_EQ(created.code, 0);
  EXPECT_EQ(created.out, "p\n");
  EXPECT_EQ(created.err, "entropy: degraded: web: by: is odd\n");
  EXPECT_EQ(server.on_thread([&] { return server.service.kept.at("p").record.policy.custom; }),
            (policy::CustomFailure{"team/x:2", "skew", R"({"by":"5"})"}));
  const Outcome good = run({"injector-test", "team/x:2", "-e", "skew"});
  EXPECT_EQ(good.code, 0);
  EXPECT_EQ(good.out, "team/x:2, skew\n  ok    starts\n  note  header: none\n");
  server.on_thread([&] { server.service.trial_rules.push_back({"ends", control::TrialRule::Verdict::fail, "no"}); });
  const Outcome bad = run({"injector-test", "team/x:2", "-e", "skew"});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out, HasSubstr("  FAIL  ends: no\n"));
  EXPECT_EQ(run({"injector-test", "team/x:2"}).code, 1);
  EXPECT_EQ(run({"injector-test", "team/x:2", "-o", "a=b"}).code, 2);
  EXPECT_EQ(run({"injector-test"}).code, 2);
}

TEST_F(Cli, WhatIsWrongWithTheServiceItselfIsSaid) {
  EXPECT_THAT(run({"info"}).out, Not(HasSubstr("Trouble")));
  EXPECT_EQ(run({"doctor"}).code, 0);
  server.on_thread([&] { server.service.own_trouble = "changes and history are not kept: disk is full"; });
  EXPECT_THAT(run({"info"}).out, HasSubstr("Trouble:        changes and history are not kept: disk is full\n"));
  const Outcome sick = run({"doctor"});
  EXPECT_EQ(sick.code, 1);
  EXPECT_THAT(sick.out, HasSubstr("FAIL  changes and history are not kept: disk is full\n"));
}

TEST_F(Cli, DoctorTellsWhatIsWrong) {
  control::EndpointView view;
  view.endpoint = "unix:///var/run/docker.sock";
  view.up = true;
  view.kernel_version = "6.1.0";
  view.operating_system = "Ubuntu 24.04 LTS";
  view.swarm = "worker";
  view.message = "it is a worker of its Swarm";
  server.on_thread([&] {
    server.service.endpoint_views = {view};
    server.service.examined = {{"netem", "this kernel has no netem (module sch_netem)"}, {"userspace", ""}};
  });
  EXPECT_THAT(run({"info"}).out, HasSubstr("docker.sock (up: it is a worker of its Swarm)\n"));
  EXPECT_THAT(run({"doctor", "--fix"}).out, HasSubstr("ok    no service that is no more has left an injector (one "
                                                      "whose lease runs counts as alive"));
  const Outcome healthy = run({"doctor"});
  EXPECT_THAT(healthy.out, HasSubstr("note  it is a worker of its Swarm\n"));
  EXPECT_EQ(healthy.code, 0) << healthy.out;
  EXPECT_THAT(healthy.out, HasSubstr("ok    backend userspace works there"));
  EXPECT_THAT(healthy.out, HasSubstr("note  backend netem: this kernel has no netem (module sch_netem); on Ubuntu it "
                                     "is in the package linux-modules-extra-$(uname -r) (the other one is used)"));
  server.on_thread([&] { server.service.examined[1].missing = "the capability NET_ADMIN"; });
  EXPECT_EQ(run({"doctor"}).code, 1);
  EXPECT_THAT(healthy.out, HasSubstr("kernel 6.1.0"));
  env["DOCKER_HOST"] = "unix:///none/docker.sock";
  EXPECT_THAT(run({"doctor"}).out, HasSubstr("note  no /none/docker.sock (DOCKER_HOST) on this host"));
  env["DOCKER_HOST"] = "tcp://engine:2375";
  EXPECT_THAT(run({"doctor"}).out, HasSubstr("note  DOCKER_HOST is tcp://engine:2375: "));
  view.up = false;
  view.message = "permission denied";
  server.on_thread([&] { server.service.endpoint_views = {view}; });
  EXPECT_THAT(run({"info"}).out, HasSubstr("docker.sock (down: permission denied)\n"));
  const Outcome sick = run({"doctor"});
  EXPECT_EQ(sick.code, 1);
  EXPECT_THAT(sick.out, HasSubstr("FAIL  permission denied"));
}

TEST_F(Cli, SaysVersions) {
  EXPECT_EQ(run({"--version"}).out, "entropy 1.2.3\n");
  EXPECT_THAT(run({"version"}).out, HasSubstr("service  9.9.9"));
}

TEST_F(Cli, OptionsMayStandAfterTheCommand) {
  env.erase("ENTROPY_HOST");
  env["ENTROPY_TOKEN"] = "wrong";
  const std::string host = to_string(server.addresses.front());
  EXPECT_EQ(run({"ls", "-H", host, "--token", "secret"}).code, 0);
  const Outcome debug = run({"-H", host, "--token", "secret", "ls", "-D"});
  EXPECT_EQ(debug.code, 0);
  EXPECT_EQ(debug.err, "entropy: GET /v1/policies -> 200\n");
  EXPECT_EQ(run({"ls", "-H", host, "-H", host}).code, 2);
  EXPECT_EQ(run({"ls", "-H", "ftp://x"}).code, 2);
}

TEST_F(Cli, SaysWhereTheTokenIsLookedFor) {
  char directory[] = "/tmp/entropy-cli-test-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  env.erase("ENTROPY_TOKEN");
  env["ENTROPY_DATA_DIR"] = directory;
  const Outcome refused = run({"ls"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr(concat(directory, "/token")));
  std::ofstream(concat(directory, "/token")) << "secret\n";
  EXPECT_EQ(run({"ls"}).code, 0);
  std::filesystem::remove_all(directory);
}

TEST_F(Cli, SaysThatNobodyAnswers) {
  server.stop(1s);
  const Outcome outcome = run({"ls"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, concat("entropy: cannot reach Entropy at ", env.at("ENTROPY_HOST"),
                                ": connection refused (is `entropy manage` running? see -H)\n"));
}

TEST_F(Cli, WrongUsageIsExplained) {
  const auto error_of = [&](std::vector<std::string> args) {
    const Outcome outcome = run(std::move(args));
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("entropy: "));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1);
    return outcome.err;
  };
  EXPECT_THAT(error_of({}), HasSubstr("which command?"));
  EXPECT_THAT(error_of({"craete"}), HasSubstr("did you mean \"create\"?"));
  EXPECT_THAT(error_of({"help", "craete"}), HasSubstr("did you mean \"create\"?"));
  EXPECT_THAT(error_of({"ls", "--no-turnc"}), HasSubstr("did you mean \"--no-trunc\"?"));
  EXPECT_THAT(error_of({"create", "--failrue", "x"}), HasSubstr("did you mean \"--failure\"?"));
  EXPECT_THAT(error_of({"ls", "x"}), HasSubstr("no further argument \"x\""));
  EXPECT_THAT(error_of({"rm"}), HasSubstr("NAME"));
  EXPECT_THAT(error_of({"create", "-e", "latency"}), HasSubstr("--criteria"));
  EXPECT_THAT(error_of({"create", "-e", "latency", "-c", "a", "-o", "delay"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(error_of({"create", "-e", "latency", "-c", "a", "-o", "x=1", "-o", "x=2"}), HasSubstr("twice"));
  EXPECT_THAT(error_of({"create", "-e", "loss", "-e", "partition", "-c", "a"}),
              HasSubstr("--failure is given more than once"));
  EXPECT_THAT(error_of({"create", "-e", "loss", "-c", "a", "percent=5"}), HasSubstr("-o percent=5"));
  EXPECT_THAT(error_of({"ls", "-l", "loud"}), HasSubstr("loud"));
}

TEST_F(Cli, EveryCommandHasHelpWithAnExample) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(run({"help"}).out, help.out);
  EXPECT_EQ(run({"help", "ls"}).out, run({"ls", "--help"}).out);
  EXPECT_EQ(help.code, 0);
  for (const std::string_view command :
       {"manage",  "create", "ls",     "lsi",    "inspect", "rm",    "start",    "stop",
        "halt",    "resume", "events", "faults", "logs",    "match", "failures", "doctor",
        "version", "info",   "apply",  "export", "schema",  "run",   "top",      "injector-test"}) {
    EXPECT_THAT(help.out, HasSubstr(concat("\n  ", command, " ")));
    const Outcome own = run({std::string(command), "--help"});
    EXPECT_EQ(own.code, 0) << command;
    EXPECT_THAT(own.out, HasSubstr(concat("Example:\n  entropy ", command))) << own.out;
    EXPECT_THAT(own.out, testing::Not(testing::ContainsRegex("--[a-z-]+\\{"))) << own.out;
  }
}

TEST_F(Cli, ManageGetsItsOptions) {
  env = {{"HOME", "/home/u"}, {"DOCKER_HOST", "tcp://engine:2375"}};
  EXPECT_EQ(run({"manage"}).code, 7);
  EXPECT_EQ(managed->endpoints, std::vector<std::string>{"tcp://engine:2375"});
  EXPECT_EQ(to_string(managed->listen.front()), "tcp://127.0.0.1:7890");
  EXPECT_TRUE(managed->probes);
  run({"manage", "--no-probes"});
  EXPECT_FALSE(managed->probes);
  EXPECT_EQ(managed->data_dir, "/home/u/.local/state/entropy");
  EXPECT_EQ(run({"manage",    "-H",           "unix:///run/e.sock",
                 "unix:///a", "-H",           "tcp://0.0.0.0",
                 "tcp://b",   "--lease",      "5s",
                 "--no-auth", "--allow-host", "x",
                 "--no-tls",  "--log-format", "json",
                 "--scope",   "a=b",          "--require-opt-in",
                 "-D",        "--data-dir",   "/d"})
                .code,
            7);
  EXPECT_EQ(managed->endpoints, (std::vector<std::string>{"unix:///a", "tcp://b"}));
  EXPECT_EQ(managed->listen.size(), 2U);
  EXPECT_EQ(managed->lease, Duration(5s));
  EXPECT_EQ(managed->log_format, LogFormat::json);
  EXPECT_EQ(managed->log_level, "debug");
  EXPECT_EQ(managed->allow_hosts, std::vector<std::string>{"x"});
  EXPECT_EQ(run({"manage", "--lease", "5"}).code, 2);
  EXPECT_EQ(run({"manage", "--scope", "a in ("}).code, 2);
  EXPECT_EQ(run({"manage", "--tls"}).code, 2);
}

}  // namespace
}  // namespace entropy::cli

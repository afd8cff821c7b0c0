#include <gmock/gmock.h>

#include "failure/catalogue.hpp"
#include "program/command.hpp"
#include "program/report_reader.hpp"

namespace entropy::program {
namespace {

using namespace std::chrono_literals;

Program sample_program() {
  Entry slow;
  slow.policy = "slow-db";
  slow.target = "odd name; with = and % and \n";
  slow.schedule = {Time(1'790'000'000'123'456us), 1s, 10s, 4s, 1h, 5, 0.25, (std::uint64_t{1} << 53) - 1};
  slow.failures = {*failure::parse("latency", {{"delay", "200ms"}, {"jitter", "1ms500us"}}),
                   *failure::parse("loss", {{"percent", "0.1"}})};
  Entry cut;
  cut.policy = "cut";
  cut.target = "db-1";
  cut.failures = {*failure::parse("partition", {{"peers", "tier in (a, b)"}, {"peers", "db"}})};
  cut.resolved = {{"db", {*parse_prefix("10.0.0.3"), *parse_prefix("fd00::/8")}}, {"tier in (a, b)", {}}};
  cut.picked = {3, 17};
  Entry left_out = cut;
  left_out.policy = "left-out";
  left_out.picked.emplace();
  return {7, {slow, cut, left_out}};
}

TEST(Command, RoundTrips) {
  const std::vector<Command> commands = {sample_program(), Program{}, Lease{30s}, Pause{}, Unpause{}, Stop{}};
  for (const auto& command : commands) {
    const std::string line = encode(command);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto decoded = decode(line);
    ASSERT_TRUE(decoded) << line << ": " << decoded.error().message;
    EXPECT_EQ(*decoded, command);
  }
}

TEST(Command, RefusesEverythingElse) {
  for (const auto* line :
       {"", "programm 1", "program", "program x", "program 1;", "program 1;policy x", "program 1;failure partition",
        "program 1;policy name=%4;failure partition", "program 1;policy name=a;failure nothing",
        "program 1;policy frequency=0", "program 1;peer name=a", "program 1;policy name=a;peer at=10.0.0.3",
        "program 1;policy name=a;peer name=b at=10.0.0", "program 1;policy picked=1,,2", "program 1;policy epoch=-5",
        "lease", "lease 10", "stop now"}) {
    EXPECT_FALSE(decode(line)) << line;
  }
}

// No prefix or damaged byte of a good line may do harm.
TEST(Command, SurvivesDamage) {
  const std::string line = encode(sample_program());
  for (std::size_t i = 0; i < line.size(); ++i) {
    (void)decode(line.substr(0, i));
    std::string damaged = line;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x15);
    (void)decode(damaged);
  }
}

Fault sample_fault() { return {"slow-db", "db-1", "latency", 3, Time(10s), Time(14s), Time(10s + 1500us)}; }

TEST(Report, RoundTrips) {
  const Measured measured{12, 3, 9, 1, 5, 2, 100, 4, Duration(101'800), Duration(200), "delay 100ms"};
  State state{7, "0.1.0", "userspace", false, true, false, {sample_fault()}, "odd \"message\"\n"};
  state.failed = {{sample_fault(), "no room"}};
  const std::vector<Report> reports = {state,
                                       State{},
                                       FaultStarted{sample_fault(), "egress delay 200ms"},
                                       FaultEnded{sample_fault(), Time(14s), true, measured, "eth0: egress loss 1 %"},
                                       FaultFailed{sample_fault(), "no"},
                                       Alive{},
                                       Alive{{{sample_fault(), measured}, {Fault{}, {}}}},
                                       Examined{"netem", "no \"sch_netem\""},
                                       Log{"hello"}};
  for (const auto& report : reports) {
    const auto parsed = parse_report(to_json_line(report));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, report);
  }
}

TEST(Report, AWindowWithoutEndHasNone) {
  Fault endless = sample_fault();
  endless.planned_end = policy::never;
  const std::string line = to_json_line(FaultStarted{endless, ""});
  EXPECT_EQ(line.find("planned_end"), std::string::npos);
  EXPECT_EQ(std::get<FaultStarted>(*parse_report(line)).fault.planned_end, policy::never);
}

TEST(Report, OtherLinesAreNoReports) {
  EXPECT_FALSE(parse_report("panic: out of memory"));
  EXPECT_FALSE(parse_report("[1]"));
  EXPECT_TRUE(std::holds_alternative<Log>(*parse_report(R"({"event":"custom","x":1})")));
  EXPECT_TRUE(std::holds_alternative<State>(*parse_report(R"({"event":"state","revision":-1,"active":[1,{}]})")));
}

TEST(LineSplitter, CutsAnywhere) {
  const std::string text = "one\ntwo\r\n\nthree\nrest";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    LineSplitter splitter;
    std::vector<std::string> lines;
    const auto on_line = [&](std::string_view line) { lines.emplace_back(line); };
    splitter.feed(std::string_view(text).substr(0, cut), on_line);
    splitter.feed(std::string_view(text).substr(cut), on_line);
    EXPECT_THAT(lines, testing::ElementsAre("one", "two", "", "three"));
  }
}

TEST(LineSplitter, DropsWhatNeverEnds) {
  LineSplitter splitter;
  std::vector<std::string> lines;
  const auto on_line = [&](std::string_view line) { lines.emplace_back(line); };
  for (int i = 0; i < 40; ++i) splitter.feed(std::string(65'536, 'x'), on_line);
  splitter.feed("\nnext\n", on_line);
  EXPECT_THAT(lines, testing::ElementsAre("next"));
}

}  // namespace
}  // namespace entropy::program

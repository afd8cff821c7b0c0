// The real program: what the manager and the target's traffic see of it.
#include <gmock/gmock.h>
#include <linux/netlink.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "base/clock.hpp"
#include "failure/catalogue.hpp"
#include "kernel/lab.hpp"
#include "kernel/nft_socket.hpp"
#include "kernel/ruleset.hpp"
#include "kernel/sidekick.hpp"
#include "program/command.hpp"
#include "program/report_reader.hpp"

namespace entropy::testing {
namespace {

using program::FaultEnded;
using program::FaultStarted;
using program::Report;
using program::State;

// A line "VmRSS:   1234 kB" of /proc/<pid>/status.
long status_kib(pid_t pid, const std::string& key) {
  std::ifstream file(concat("/proc/", pid, "/status"));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) return std::stol(line.substr(key.size() + 1));
  }
  return -1;
}

// User and system time so far.
std::chrono::milliseconds processor_time(pid_t pid) {
  std::ifstream file(concat("/proc/", pid, "/schedstat"));
  std::int64_t nanoseconds = 0;
  file >> nanoseconds;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(nanoseconds));
}

program::Program program_of(std::string failure, const failure::Params& params) {
  program::Entry entry{"cut", "db-1", {}, {*failure::parse(failure, params)}};
  entry.schedule.epoch = SystemClock().now();
  return {1, {entry}};
}

class InjectorProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
    std::signal(SIGPIPE, SIG_IGN);
    lab_.emplace();
    sidekick_.emplace(*lab_);
    ASSERT_TRUE(sidekick_->read_header());
    const auto state = sidekick_->next<State>();
    ASSERT_TRUE(state);
    ASSERT_EQ(state->message, "");
  }

  // Whether a datagram comes through within `patience`.
  bool passes(std::chrono::milliseconds patience = 200ms) const {
    constexpr int port = 7778;
    const auto address = Lab::address(Side::peer, Ip::v4, port);
    const Fd receiver = lab_->socket(Side::peer, Ip::v4, SOCK_DGRAM);
    bind_to(receiver, address);
    const Fd sender = lab_->socket(Side::target, Ip::v4, SOCK_DGRAM);
    (void)::sendto(sender.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), length_of(address));
    return wait_readable(receiver, patience);
  }

  bool no_tables() const {
    bool none = false;
    lab_->inside(Side::target, [&] {
      auto socket = kernel::NetlinkSocket::open(NETLINK_NETFILTER);
      const auto tables = kernel::nft::read_tables(*socket, kernel::table_name);
      none = tables && tables->empty();
    });
    return none;
  }

  void cut() {
    sidekick_->send(program_of("partition", {}));
    ASSERT_TRUE(sidekick_->next<FaultStarted>());
  }

  std::optional<Lab> lab_;
  std::optional<Sidekick> sidekick_;
};

TEST(InjectorProgram, BeginsWithTheHeader) {
  if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
  const Lab lab;
  Sidekick sidekick(lab);
  EXPECT_EQ(
      sidekick.read_header(),
      (std::vector<std::string>{
          std::string(program::header_open),
          R"({"started":true,"available_failures":["latency","loss","reorder","partition","duplicate","corrupt","rate","dns"],)"
          R"("validation_errors":[]})",
          std::string(program::header_close)}));
  const auto state = sidekick.next<State>();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->revision, 0U);
  EXPECT_EQ(state->version, ENTROPY_VERSION);
  std::string best_here;
  lab.inside(Side::target, [&] { best_here = kernel::make_backend().value()->name(); });
  EXPECT_EQ(state->backend, best_here);
  EXPECT_TRUE(state->leased);
  EXPECT_TRUE(state->clean);
}

TEST_F(InjectorProcessTest, APartitionCutsAndIsUndone) {
  ASSERT_TRUE(passes());
  const auto asked = std::chrono::steady_clock::now();
  sidekick_->send(program_of("partition", {}));
  const auto started = sidekick_->next<FaultStarted>();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - asked;
  std::printf("program sent to fault reported: %.2f ms\n", took.count());
  ASSERT_TRUE(started);
  EXPECT_EQ(started->kernel, "eth0: egress drop; ingress drop");
  EXPECT_FALSE(passes());

  sidekick_->send(program::Program{2, {}});
  const auto ended = sidekick_->next<FaultEnded>();
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->cut_short);
  EXPECT_GE(ended->measured.packets, 1U);
  const auto state = sidekick_->next<State>();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->revision, 2U);
  EXPECT_TRUE(state->clean);
  EXPECT_TRUE(passes());
}

// It is looked at every second, and nothing is said while it is as it was.
TEST_F(InjectorProcessTest, ALossThatHoldsIsSaidOnce) {
  sidekick_->send(program_of("loss", {{"percent", "10"}}));
  ASSERT_TRUE(sidekick_->next<State>());
  std::this_thread::sleep_for(1500ms);
  sidekick_->send(program::Lease{30s});
  EXPECT_THAT(sidekick_->next_line().value_or(""), ::testing::HasSubstr("alive"));
}

TEST_F(InjectorProcessTest, WindowsBeginAndEndByTheClock) {
  auto program = program_of("partition", {});
  auto& schedule = program.entries[0].schedule;
  schedule.epoch += 200ms;
  schedule.frequency = 300ms;
  schedule.duration = 150ms;
  schedule.windows = 3;
  sidekick_->send(program);
  Duration latest{0};
  for (std::uint64_t k = 0; k < 3; ++k) {
    const auto started = sidekick_->next<FaultStarted>();
    const auto ended = sidekick_->next<FaultEnded>();
    ASSERT_TRUE(started && ended);
    EXPECT_EQ(started->fault.window, k);
    EXPECT_EQ(started->fault.planned_start, schedule.epoch + 300ms * k);
    EXPECT_GE(started->fault.started, started->fault.planned_start);
    EXPECT_GE(ended->ended, ended->fault.planned_end);
    EXPECT_FALSE(ended->cut_short);
    latest = std::max(
        {latest, started->fault.started - started->fault.planned_start, ended->ended - ended->fault.planned_end});
  }
  std::printf("latest edge: %lld us\n", static_cast<long long>(latest.count()));
}

TEST_F(InjectorProcessTest, KilledItLeavesNoTrace) {
  cut();
  ASSERT_FALSE(passes());
  sidekick_->signal(SIGKILL);
  ASSERT_EQ(sidekick_->wait(2s), -SIGKILL);
  EXPECT_TRUE(wait_until(1s, [&] { return no_tables(); }));
  EXPECT_TRUE(passes());
}

TEST_F(InjectorProcessTest, SigtermRollsBackAndExitsAtOnce) {
  cut();
  const auto asked = std::chrono::steady_clock::now();
  sidekick_->signal(SIGTERM);
  EXPECT_EQ(sidekick_->wait(1s), 0);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - asked;
  std::printf("SIGTERM to exit: %.1f ms\n", took.count());
  EXPECT_TRUE(no_tables());
  EXPECT_TRUE(passes());
  const auto ended = sidekick_->next<FaultEnded>();
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->cut_short);
  const auto state = sidekick_->next<State>();
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->clean);
}

TEST_F(InjectorProcessTest, StopIsObeyed) {
  cut();
  sidekick_->send(program::Stop{});
  EXPECT_EQ(sidekick_->wait(1s), 0);
  EXPECT_TRUE(no_tables());
}

TEST_F(InjectorProcessTest, WithoutAManagerItGivesUpAndLeaves) {
  sidekick_->send(program::Lease{300ms});
  cut();
  sidekick_->close_input();
  const auto before = processor_time(sidekick_->pid());
  EXPECT_TRUE(sidekick_->next<FaultEnded>());
  const auto state = [&] {
    auto next = sidekick_->next<State>();
    while (next && next->leased) next = sidekick_->next<State>();
    return next;
  }();
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->clean);
  EXPECT_TRUE(passes());
  std::this_thread::sleep_for(1s);
  // A loop that spins on the closed input would have taken all of it.
  EXPECT_LT(processor_time(sidekick_->pid()) - before, 200ms);
  EXPECT_EQ(sidekick_->wait(5s), 0);
}

TEST_F(InjectorProcessTest, WhoDoesNotReadDoesNotDelayAnything) {
  for (int i = 0; i < 20'000; ++i) sidekick_->send_line("this is no command, and the answer is a line of log");
  sidekick_->send_line(std::string(3 << 20, 'x'));
  sidekick_->send(program_of("partition", {}));
  EXPECT_TRUE(wait_until(5s, [&] { return !passes(20ms); }));
  auto state = sidekick_->next<State>();
  while (state && state->revision != 1) state = sidekick_->next<State>();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->active.size(), 1U);
}

TEST_F(InjectorProcessTest, AReaderWhoLeavesDoesNotEndIt) {
  sidekick_->close_output();
  sidekick_->send(program_of("partition", {}));
  EXPECT_TRUE(wait_until(5s, [&] { return !passes(20ms); }));
  const auto before = processor_time(sidekick_->pid());
  std::this_thread::sleep_for(500ms);
  EXPECT_LT(processor_time(sidekick_->pid()) - before, 100ms);
  sidekick_->signal(SIGTERM);
  EXPECT_EQ(sidekick_->wait(1s), 0);
}

// Its container has 64 MiB, and the target any number of connections.
TEST_F(InjectorProcessTest, ManyConnectionsTakeLittleMemory) {
  if (!INJECTOR_IS_STATIC) GTEST_SKIP() << "with sanitizers memory is no measure";
  constexpr rlim_t count = 8000;
  rlimit files = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_max < 2 * count + 100) GTEST_SKIP() << "needs " << 2 * count + 100 << " open files";
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  const Fd listener = lab_->socket(Side::peer, Ip::v4, SOCK_STREAM);
  const auto address = Lab::address(Side::peer, Ip::v4, 7779);
  bind_to(listener, address);
  ASSERT_EQ(::listen(listener.get(), 128), 0);
  std::vector<Fd> ends;
  while (ends.size() < 2 * count) {
    ends.push_back(lab_->socket(Side::target, Ip::v4, SOCK_STREAM));
    const auto* destination = reinterpret_cast<const sockaddr*>(&address);
    ASSERT_EQ(::connect(ends.back().get(), destination, length_of(address)), 0) << std::strerror(errno);
    ends.emplace_back(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  const long before = status_kib(sidekick_->pid(), "VmHWM");
  sidekick_->send(program_of("latency", {{"delay", "1ms"}}));
  ASSERT_TRUE(sidekick_->next<FaultStarted>());
  const long after = status_kib(sidekick_->pid(), "VmHWM");
  std::printf("%lu connections: %ld KiB\n", static_cast<unsigned long>(count), after - before);
  EXPECT_LT(after - before, static_cast<long>(count * 350 / 1024));
}

TEST_F(InjectorProcessTest, IsSmall) {
  if (!INJECTOR_IS_STATIC) GTEST_SKIP() << "with sanitizers it is neither static nor small";
  struct stat file = {};
  ASSERT_EQ(::stat(INJECTOR_PATH, &file), 0);
  EXPECT_LT(file.st_size, 1'500'000);
  auto program = program_of("latency", {{"delay", "1ms"}});
  program.entries[0].failures.push_back(*failure::parse("loss", {{"percent", "1"}}));
  sidekick_->send(program);
  ASSERT_TRUE(sidekick_->next<FaultStarted>());
  (void)passes();
  const long resident = status_kib(sidekick_->pid(), "VmRSS");
  std::printf("file %lld bytes, resident %ld KiB\n", static_cast<long long>(file.st_size), resident);
  EXPECT_GT(resident, 0);
  EXPECT_LE(resident, 1536);
}

}  // namespace
}  // namespace entropy::testing

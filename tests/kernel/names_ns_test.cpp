// What resolvers hear under faults of names, on real namespaces: from a name server beyond the network and from one
// like Docker's on lo.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "base/text.hpp"
#include "kernel/backends.hpp"
#include "kernel/name_service.hpp"

namespace entropy::testing {
namespace {

using kernel::Denial;
using kernel::Hearsay;
using kernel::State;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto resolvers = {Resolver::direct, Resolver::direct6, Resolver::docker};
constexpr auto both_ways = {Over::udp, Over::tcp};

State names(std::vector<std::string> patterns, std::optional<Hearsay> answer, Duration delay = {}) {
  State state;
  state.names = {{"policy/dns", std::move(patterns), delay, std::move(answer)}};
  return state;
}

// Than a delay of 200 ms, on however busy a machine: these are single answers.
constexpr auto clearly_less = 150ms;

class NamesTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (IsSkipped()) return;
    for (const auto where : resolvers) servers.push_back(std::make_unique<NameServer>(*lab, where));
    for_each([&](Resolver where, Over over) { expect_truth(where, over, "db.example.com"); });
  }
  static void for_each(const std::function<void(Resolver, Over)>& use) {
    for (const auto where : resolvers) {
      for (const auto over : both_ways) {
        SCOPED_TRACE(concat("resolver ", static_cast<int>(where), over == Over::udp ? " over UDP" : " over TCP"));
        use(where, over);
      }
    }
  }
  void expect_truth(Resolver where, Over over, std::string_view name) {
    const auto found = look_up(*lab, where, over, name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->code, 0u);
    EXPECT_THAT(found->addresses, ElementsAre("10.0.0.3"));
    EXPECT_LT(found->took, clearly_less);
  }
  void expect_truth_everywhere() {
    for_each([&](Resolver where, Over over) { expect_truth(where, over, "db.example.com"); });
  }
  void TearDown() override { servers.clear(); }

  std::vector<std::unique_ptr<NameServer>> servers;
};

INSTANTIATE_TEST_SUITE_P(Backend, NamesTest, every_backend, backend_name);

#define ASSERT_APPLIED(injector, ...)                    \
  do {                                                   \
    const auto applied_ = (injector).apply(__VA_ARGS__); \
    ASSERT_TRUE(applied_) << applied_.error().message;   \
  } while (false)

TEST_P(NamesTest, DenialsAndLiesAreHeardAndOthersAreLeftAlone) {
  InjectorThread injector(*lab, make);
  for (const auto& [denial, code] : {std::pair{Denial::nxdomain, 3u}, {Denial::servfail, 2u}, {Denial::refused, 5u}}) {
    const auto wanted = names({"db.example.com"}, denial);
    ASSERT_APPLIED(injector, wanted);
    EXPECT_EQ(injector.read_back(), wanted);
    for_each([&](Resolver where, Over over) {
      const auto found = look_up(*lab, where, over, "DB.example.com");
      ASSERT_TRUE(found);
      EXPECT_EQ(found->code, code);
      EXPECT_THAT(found->addresses, IsEmpty());
      expect_truth(where, over, "web.example.com");
    });
  }
  ASSERT_APPLIED(injector, names({"*.example.com"}, *parse_prefix("192.0.2.9")));
  for_each([&](Resolver where, Over over) {
    const auto found = look_up(*lab, where, over, "db.example.com");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->code, 0u);
    EXPECT_THAT(found->addresses, ElementsAre("192.0.2.9"));
    expect_truth(where, over, "example.com");
  });
  EXPECT_GE(injector.counters().altered, 24u);
  ASSERT_APPLIED(injector, {});
  EXPECT_TRUE(injector.read_back()->empty());
  expect_truth_everywhere();
}

TEST_P(NamesTest, AnswersAreLateOrNeverCome) {
  InjectorThread injector(*lab, make);
  ASSERT_APPLIED(injector, names({"db.example.com"}, std::nullopt, 200ms));
  for_each([&](Resolver where, Over over) {
    const auto found = look_up(*lab, where, over, "db.example.com");
    ASSERT_TRUE(found);
    EXPECT_THAT(found->addresses, ElementsAre("10.0.0.3"));
    EXPECT_GE(found->took, 200ms);
    EXPECT_LT(found->took, 200ms + clearly_less);
    expect_truth(where, over, "web.example.com");
  });
  ASSERT_APPLIED(injector, names({"db.example.com"}, Denial::none));
  for_each([&](Resolver where, Over over) {
    EXPECT_FALSE(look_up(*lab, where, over, "db.example.com", 100ms));
    expect_truth(where, over, "web.example.com");
  });
}

// Beside a fault of packets, whose classes come and go.
TEST_P(NamesTest, PacketsAndNamesFailTogether) {
  InjectorThread injector(*lab, make);
  auto wanted = names({"db.example.com"}, Denial::nxdomain);
  wanted.ingress = kernel::Effect{{{200ms, {}, 0, {}}}};
  ASSERT_APPLIED(injector, wanted);
  EXPECT_EQ(injector.read_back(), wanted);
  const auto direct = look_up(*lab, Resolver::direct, Over::udp, "db.example.com");
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->code, 3u);
  EXPECT_GE(direct->took, 200ms);
  const auto local = look_up(*lab, Resolver::docker, Over::udp, "db.example.com");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->code, 3u);
  EXPECT_LT(local->took, clearly_less);  // lo is no network
  ASSERT_APPLIED(injector, names({"db.example.com"}, Denial::nxdomain));
  EXPECT_EQ(look_up(*lab, Resolver::direct, Over::udp, "db.example.com")->code, 3u);
}

// What is held follows at once when the fault ends.
TEST_P(NamesTest, HeldAnswersAreLetGo) {
  InjectorThread injector(*lab, make);
  ASSERT_APPLIED(injector, names({"*"}, std::nullopt, 30s));
  std::optional<LookUp> found;
  std::thread asking([&] { found = look_up(*lab, Resolver::docker, Over::udp, "db.example.com", 10s); });
  EXPECT_TRUE(wait_until(5s, [&] { return injector.counters().delayed > 0; }));
  const auto undone = injector.apply({});
  asking.join();
  EXPECT_TRUE(undone);
  ASSERT_TRUE(found);
  EXPECT_LT(found->took, 5s);
}

// An injector that is at other work for a moment finds all of them afterwards.
TEST_P(NamesTest, ABurstOfAnswersIsOnlyLate) {
  constexpr int count = 1000;
  InjectorThread injector(*lab, make);
  ASSERT_APPLIED(injector, names({"*"}, std::nullopt, 50ms));
  lab->add_peer_address(3);
  const Fd server = lab->socket(Side::peer, Ip::v4, SOCK_DGRAM);
  bind_to(server, Lab::address(Side::peer, Ip::v4, 53, 0, 3));
  const Fd resolver = lab->socket(Side::target, Ip::v4, SOCK_DGRAM);
  const int buffer = 16 << 20;
  ::setsockopt(resolver.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  const auto address = Lab::address(Side::target, Ip::v4, port);
  bind_to(resolver, address);
  const std::string answer("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\2db\0\0\1\0\1", 20);
  for (const bool ends : {false, true}) {
    injector.with([&](kernel::Backend& backend) {
      for (int i = 0; i < count; ++i) {
        const auto* destination = reinterpret_cast<const sockaddr*>(&address);
        EXPECT_EQ(::sendto(server.get(), answer.data(), answer.size(), 0, destination, length_of(address)), 20);
      }
      if (ends) EXPECT_TRUE(backend.apply({}));
    });
    int arrived = 0;
    for (char byte = 0; wait_readable(resolver, 500ms); ++arrived) (void)!::recv(resolver.get(), &byte, 1, 0);
    EXPECT_EQ(arrived, count);
    EXPECT_EQ(injector.counters().delayed, count);
  }
}

TEST_P(NamesTest, DeathsLeaveNamesAsTheyAre) {
  const auto wanted = names({"*"}, Denial::refused);
  {
    InjectorProcess injector(*lab, wanted, make);
    ASSERT_TRUE(injector.ready());
    EXPECT_EQ(look_up(*lab, Resolver::docker, Over::udp, "db.example.com")->code, 5u);
    injector.signal(SIGKILL);
    injector.wait();
    expect_truth_everywhere();
  }
  InjectorProcess injector(*lab, wanted, make);
  ASSERT_TRUE(injector.ready());
  EXPECT_EQ(look_up(*lab, Resolver::direct, Over::udp, "db.example.com")->code, 5u);
  injector.signal(SIGSTOP);
  const auto is_true = [&](Resolver where) {
    const auto found = look_up(*lab, where, Over::udp, "db.example.com", 100ms);
    return found && found->code == 0;
  };
  for (const auto where : resolvers) EXPECT_TRUE(wait_until(3s, [&] { return is_true(where); }));
  injector.signal(SIGCONT);
}

}  // namespace
}  // namespace entropy::testing

// A network namespace as lines, before and after somebody was at work in it.
#include "kernel/snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>

#include "kernel/lab.hpp"

namespace entropy::testing {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::StartsWith;

TEST(SnapshotTest, SeesWhatOthersHaveDone) {
  if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
  const Lab lab;
  const auto look = [&] {
    std::vector<std::string> lines;
    lab.inside(Side::target, [&] { lines = kernel::snapshot().value(); });
    return lines;
  };
  // The kernel gives an interface its own address some time after it is up.
  ASSERT_TRUE(wait_until(std::chrono::seconds(5),
                         [&] { return ::testing::Value(look(), Contains(StartsWith("address fe80:"))); }));
  const auto before = look();
  EXPECT_THAT(before, Contains(StartsWith("link eth0 mtu 1500 up")));
  EXPECT_EQ(look(), before);
  ASSERT_TRUE(lab.run(
      Side::target,
      "ip link set eth0 mtu 1400 && ip route add blackhole 10.77.0.0/16 && ip -6 route add blackhole fd77::/64 &&"
      "ip rule add fwmark 7 table 77 && ip addr add 10.78.0.1/24 dev eth0 &&"
      "ip neigh add 10.9.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent &&"
      "nft add table ip mine && nft add chain ip mine c && nft add rule ip mine c drop"));
  const auto during = look();
  std::vector<std::string> come;
  std::ranges::set_difference(during, before, std::back_inserter(come));
  EXPECT_THAT(come, Contains(StartsWith("link eth0 mtu 1400 up")));
  EXPECT_THAT(come, Contains(StartsWith("nft rule in ip mine c handle")));
  EXPECT_THAT(come, IsSupersetOf({"route blackhole 10.77.0.0/16 table 254", "address 10.78.0.1/24 on eth0",
                                  "neighbour 10.9.0.9 at 020000000009 on eth0", "nft table ip mine"}));
  EXPECT_THAT(come, Contains(StartsWith("route blackhole fd77::/64")));
  EXPECT_THAT(come, Contains(::testing::HasSubstr("mark 7 action 1 table 77")));
  ASSERT_TRUE(lab.run(
      Side::target,
      "ip link set eth0 mtu 1500 && ip route del blackhole 10.77.0.0/16 && ip -6 route del blackhole fd77::/64 &&"
      "ip rule del fwmark 7 table 77 && ip addr del 10.78.0.1/24 dev eth0 &&"
      "ip neigh del 10.9.0.9 dev eth0 && nft delete table ip mine"));
  EXPECT_EQ(look(), before);
}

}  // namespace
}  // namespace entropy::testing

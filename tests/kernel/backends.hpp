// The backends that kernel tests are for, and a fixture that has one and a lab.
#pragma once

#include <gtest/gtest.h>

#include "kernel/lab.hpp"
#include "kernel/netem.hpp"
#include "kernel/traffic.hpp"

namespace entropy::testing {

// As on kernels before 5.16.
inline Result<std::unique_ptr<kernel::Backend>> make_without_egress_hook() {
  return kernel::NetemBackend::make(kernel::EgressHook::unused);
}

// Every case on every backend that this kernel has, with the same answers.
class BackendTest : public ::testing::TestWithParam<std::pair<const char*, BackendMaker>> {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_lab()) GTEST_SKIP() << *reason;
    lab.emplace();
    lab->inside(Side::target, [&] {
      if (const auto made = make(); !made) lacking = made.error().message;
    });
    if (!lacking.empty()) GTEST_SKIP() << lacking;
    // Datagrams that wait for the first neighbour resolution are overtaken by those behind it, without any fault (seen
    // over IPv6 in one fresh namespace of four): the neighbours get to know each other first.
    for (const Ip ip : {Ip::v4, Ip::v6}) ASSERT_TRUE(one_way(*lab, Side::target, ip));
  }
  const BackendMaker make = GetParam().second;
  std::optional<Lab> lab;
  std::string lacking;
};

inline const auto every_backend = ::testing::Values(std::pair{"netem", &kernel::make_netem_backend},
                                                    std::pair{"netem_without_egress_hook", &make_without_egress_hook},
                                                    std::pair{"userspace", &kernel::make_userspace_backend});
inline constexpr auto backend_name = [](const auto& info) { return info.param.first; };

}  // namespace entropy::testing

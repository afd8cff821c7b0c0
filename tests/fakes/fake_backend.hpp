// A kernel in memory: does what it is asked, unless a test tells it to refuse or to lie.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernel/backend.hpp"

namespace entropy::fakes {

class FakeBackend final : public kernel::Backend {
 public:
  // An Error from `refuses` makes `apply` fail and leaves the namespace clean, as the contract says.
  std::function<std::optional<Error>(const kernel::State& wanted)> refuses;
  // What a failed `apply` could not undo.
  std::optional<kernel::State> stuck;
  // Overrides the truth in `read_back`.
  std::optional<Result<kernel::State>> read_back_lie;
  // Of each class and name fault.
  std::uint64_t matched = 0;
  std::uint64_t dropped = 0;
  std::vector<kernel::TcpConnection> tcp;
  std::vector<std::string> links = {"eth0"};
  // Every `apply`, refused or not.
  std::vector<kernel::State> applies;
  kernel::State held;

  std::string name() const override { return "fake"; }
  Result<> apply(const kernel::State& wanted) override {
    applies.push_back(wanted);
    if (const auto error = refuses ? refuses(wanted) : std::nullopt) {
      hold(stuck.value_or(kernel::State{}));
      return fail(*error);
    }
    hold(wanted);
    return {};
  }
  Result<kernel::State> read_back() override { return read_back_lie ? *read_back_lie : held; }
  Result<kernel::Tally> counters() override {
    kernel::Tally tally;
    for (const auto* traffic : {&held.egress, &held.ingress}) {
      for (const auto& each : traffic->classes) tally[each.name] = {matched, dropped};
    }
    for (const auto& each : held.names) tally[each.name] = {matched, dropped};
    return tally;
  }
  std::vector<kernel::TcpConnection> connections() override { return tcp; }
  std::vector<std::string> interfaces() override { return links; }
  std::vector<int> file_descriptors() const override { return {}; }
  void on_ready() override {}
  std::optional<Duration> until_due() const override { return std::nullopt; }

 private:
  void hold(const kernel::State& state) {
    held = kernel::canonical(state);
    if (held.empty()) matched = 0;
  }
};

}  // namespace entropy::fakes

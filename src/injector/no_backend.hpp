// Stands in where the kernel offers nothing that we could use: the injector lives on and says why nothing happens.
#pragma once

#include "kernel/backend.hpp"

namespace entropy::injector {

class NoBackend final : public kernel::Backend {
 public:
  explicit NoBackend(Error reason) : reason_(std::move(reason)) {}

  std::string name() const override { return "none"; }
  Result<> apply(const kernel::State& wanted) override {
    if (wanted.empty()) return {};
    return fail(reason_);
  }
  Result<kernel::State> read_back() override { return kernel::State{}; }
  Result<kernel::Tally> counters() override { return kernel::Tally{}; }
  std::vector<kernel::TcpConnection> connections() override { return {}; }
  std::vector<std::string> interfaces() override { return {}; }
  std::vector<int> file_descriptors() const override { return {}; }
  void on_ready() override {}
  std::optional<Duration> until_due() const override { return std::nullopt; }

 private:
  Error reason_;
};

}  // namespace entropy::injector

// netem for every state that it can make, user space for the others: jitter that is correlated or longer than netem
// can, bursts of minutes, and interfaces with a qdisc of their own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netem.hpp"

namespace entropy::kernel {

class FallbackBackend final : public Backend {
 public:
  FallbackBackend(std::unique_ptr<NetemBackend> netem, std::unique_ptr<Backend> userspace)
      : netem_(std::move(netem)), userspace_(std::move(userspace)), current_(netem_.get()) {}

  std::string name() const override { return current_->name(); }  // of the one in use
  // A change from one to the other is undone there before it is made here: packets pass meanwhile.
  Result<> apply(const State& wanted) override;
  Result<State> read_back() override { return current_->read_back(); }
  Result<Tally> counters() override;
  std::vector<TcpConnection> connections() override { return current_->connections(); }
  std::vector<std::string> interfaces() override { return current_->interfaces(); }
  std::vector<int> file_descriptors() const override;
  void on_ready() override;
  std::optional<Duration> until_due() const override;

 private:
  std::unique_ptr<NetemBackend> netem_;
  std::unique_ptr<Backend> userspace_;
  Backend* current_;
  Tally counted_;     // by the other, under faults that still hold
  bool idle_ = true;  // none holds
};

}  // namespace entropy::kernel

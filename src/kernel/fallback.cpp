#include "kernel/fallback.hpp"

namespace entropy::kernel {

Result<> FallbackBackend::apply(const State& wanted) {
  const auto possible = netem_->check(wanted);
  const bool beyond_netem = !possible && possible.error().code == ErrorCode::unsupported;
  Backend* best = beyond_netem ? userspace_.get() : netem_.get();
  if (best != current_) {
    if (auto undone = current_->apply({}); !undone) return undone;
    current_ = best;
  }
  return current_->apply(wanted);
}

std::vector<int> FallbackBackend::file_descriptors() const {
  auto all = netem_->file_descriptors();
  const auto more = userspace_->file_descriptors();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

void FallbackBackend::on_ready() {
  netem_->on_ready();
  userspace_->on_ready();
}

std::optional<Duration> FallbackBackend::until_due() const { return current_->until_due(); }

}  // namespace entropy::kernel

#include "kernel/fallback.hpp"

#include <utility>

namespace entropy::kernel {

Result<> FallbackBackend::apply(const State& wanted) {
  const auto possible = netem_->check(wanted);
  const bool beyond_netem = !possible && possible.error().code == ErrorCode::unsupported;
  Backend* best = beyond_netem ? userspace_.get() : netem_.get();
  const bool was_idle = std::exchange(idle_, wanted.empty());
  if (was_idle) counted_.clear();
  if (best != current_) {
    if (auto undone = current_->apply({}); !undone) return undone;
    if (!was_idle) add(counted_, current_->counters().value_or(Tally{}));
    current_ = best;
  }
  return current_->apply(wanted);
}

Result<Tally> FallbackBackend::counters() {
  auto tally = current_->counters();
  if (tally) add(*tally, counted_);
  return tally;
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

// Virtual time: what is to happen when. Nothing waits; time jumps to whatever comes next.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/clock.hpp"

namespace entropy::chaos {

// One thread. What is due at one instant happens in the order in which it was asked for.
class Agenda final : public Clock, public SteadyClock {
 public:
  using Entry = std::pair<Duration, std::uint64_t>;

  Time now() const override { return Time(std::chrono::hours(24 * 365 * 56)) + elapsed_ + jumped_; }
  Duration elapsed() const override { return elapsed_; }

  Entry after(Duration wait, std::function<void()> what) {
    const Duration room = Duration::max() - elapsed_;
    const Entry entry(elapsed_ + std::clamp(wait, Duration::zero(), room), ++count_);
    entries_.emplace(entry, std::move(what));
    return entry;
  }
  void cancel(const Entry& entry) { entries_.erase(entry); }

  // UTC alone, as of everybody whose clock it is: what waits goes on waiting.
  void jump(Duration by) { jumped_ += by; }

  Duration next() const { return entries_.empty() ? Duration::max() : entries_.begin()->first.first; }
  void run_next() {
    auto entry = entries_.extract(entries_.begin());
    elapsed_ = entry.key().first;
    entry.mapped()();
  }

 private:
  std::map<Entry, std::function<void()>> entries_;
  Duration elapsed_ = std::chrono::hours(1);
  Duration jumped_{0};
  std::uint64_t count_ = 0;
};

}  // namespace entropy::chaos

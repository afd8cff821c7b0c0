// Which held packet leaves when. Pure: knows neither the clock nor the kernel; one direction each.
//
// Delays follow netem (tc-netem(8), net/sched/sch_netem.c, iproute2 netem/*.c): delay ± jitter, distributions scaled to
// a standard deviation near the jitter and cut at four times it, correlation as a moving average of the uniform
// numbers. Unlike netem, jitter alone never reorders: no packet is due before the one ahead of it. Only packets that a
// Reorder sends ahead pass others.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernel/state.hpp"

namespace entropy::kernel {

using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// SplitMix64 (Steele, Lea, Flood 2014): small and the same on every machine.
class Prng {
 public:
  explicit Prng(std::uint64_t seed) : state_(seed) {}
  double unit();  // in [0, 1)

 private:
  std::uint64_t state_;
};

// The value below which a share `u` (0..1, exclusive) of a distribution lies, in units of the jitter, mean near 0.
double quantile(Distribution distribution, double u);

// The delays of successive packets; never negative.
class DelaySource {
 public:
  explicit DelaySource(const Delay& delay) : delay_(delay) {}
  Duration next(Prng& prng);

 private:
  Delay delay_;
  std::optional<double> last_;
};

// Which of successive packets go ahead. With correlation c the chance of the next is share + c·(1 - share) after one
// that went ahead and share·(1 - c) after another, so that the share holds (netem's own mixing distorts it).
class ReorderSource {
 public:
  explicit ReorderSource(const Reorder& reorder) : reorder_(reorder) {}
  bool goes_ahead(Prng& prng);
  Duration delay() const { return reorder_.delay; }

 private:
  Reorder reorder_;
  unsigned waited_ = 0;  // packets since the last that went ahead
  std::optional<bool> last_;
};

struct HeldPacket {
  Instant due;
  std::uint64_t order = 0;  // of arrival
  std::uint32_t id = 0;     // the kernel's
  std::uint32_t mark = 0;
};

class DelayLine {
 public:
  explicit DelayLine(std::uint64_t seed) : prng_(seed) {}

  // From now on packets wait as `effect` says. Those already held keep their time, but wait no longer than a packet
  // that arrives now could.
  void configure(const Effect& effect, Instant now);
  void arrive(std::uint32_t id, std::uint32_t mark, Instant now);
  // Takes out what is due, in the order in which it leaves, and appends it.
  void leave(Instant now, std::vector<HeldPacket>& leaving);
  void leave_all(std::vector<HeldPacket>& leaving);
  std::optional<Instant> next_due() const;
  std::size_t size() const { return held_.size(); }

 private:
  Instant due_for(Instant now);
  void shrink();

  Prng prng_;
  std::vector<DelaySource> delays_;
  std::vector<ReorderSource> reorders_;
  std::vector<HeldPacket> held_;  // a heap; the earliest first
  Instant last_due_{};            // of the packets that were not sent ahead
  std::uint64_t arrived_ = 0;
};

}  // namespace entropy::kernel

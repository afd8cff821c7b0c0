// Which packet of a class is lost, and which leaves when. Pure: knows neither the clock nor the kernel.
//
// Delays follow netem (tc-netem(8), net/sched/sch_netem.c, iproute2 netem/*.c): delay ± jitter, distributions scaled to
// a standard deviation near the jitter and cut at four times it, correlation as a moving average of the uniform
// numbers. Unlike netem, jitter alone never reorders: no packet is due before the one ahead of it. Only packets that a
// Reorder sends ahead pass others.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernel/netlink.hpp"
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

// Whether a line loses the next packet: the models of sch_netem.c, with its order of dice.
class LossSource {
 public:
  explicit LossSource(const LossModel& model) : model_(model) {}
  bool loses(Prng& prng);

 private:
  bool loses(const GilbertElliott& model, Prng& prng);
  bool loses(const Markov& model, Prng& prng);

  LossModel model_;
  bool bad_ = false;
  int state_ = 1;  // of Markov
};

// When packets leave a line that takes so many bits a second, as a bucket of tokens lets them; their length is that of
// IP, an Ethernet header is added to it.
class RateSource {
 public:
  explicit RateSource(const RateCap& rate) : rate_(rate) {}
  // Another rate from now on. Who comes then leaves behind those who wait already, of whom none does beyond `latest`.
  void change(const RateCap& rate, Instant latest);
  // Nullopt where the queue is full.
  std::optional<Instant> leave(Instant due, std::size_t length);
  Duration longest() const;

 private:
  double time_of(double bytes) const;  // microseconds

  RateCap rate_;
  double empty_since_ = -1e18;  // the time at which the bucket would have been empty
};

// A packet that has come; `payload` is there where bits are to be flipped.
struct Arrival {
  std::uint32_t id = 0;  // the kernel's
  std::uint32_t mark = 0;
  std::size_t length = 0;
  View payload = {};
};

struct HeldPacket {
  Instant due;
  std::uint64_t order = 0;  // of arrival
  std::uint32_t id = 0;
  std::uint32_t mark = 0;
  std::unique_ptr<Bytes> changed = nullptr;  // what it shall be instead
};

// The packet with one bit of it flipped, behind the IP header.
Bytes corrupted(View packet, Prng& prng);

class DelayLine {
 public:
  explicit DelayLine(std::uint64_t seed) : prng_(seed) {}

  // From now on packets wait as `effect` says. Those already held keep their time, but wait no longer than a packet
  // that arrives now could.
  void configure(const Effect& effect, Instant now);
  // False: it is lost.
  bool arrive(const Arrival& arrival, Instant now);
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
  std::vector<LossSource> models_;
  std::optional<RateSource> rate_;
  double corrupt_ = 0;
  std::vector<HeldPacket> held_;  // a heap; the earliest first
  Instant last_due_{};            // of the packets that were not sent ahead
  std::uint64_t arrived_ = 0;
};

}  // namespace entropy::kernel

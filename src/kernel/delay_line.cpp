#include "kernel/delay_line.hpp"

#include <algorithm>
#include <cmath>

namespace entropy::kernel {
namespace {

// netem's tables hold 16-bit numbers in units of jitter / 8192.
constexpr double widest = 4;

// Rational approximation by P. J. Acklam, relative error below 1.2e-9.
double tail_quantile(double u) {
  const double q = std::sqrt(-2 * std::log(u));
  return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q - 2.549732539343734) *
               q +
           4.374664141464968) *
              q +
          2.938163982698783) /
         ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q + 3.754408661907416) * q +
          1);
}

double normal_quantile(double u) {
  constexpr double tail = 0.02425;
  if (u < tail) return tail_quantile(u);
  if (u > 1 - tail) return -tail_quantile(1 - u);
  const double q = u - 0.5;
  const double r = q * q;
  return (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
            1.383577518672690e+02) *
               r -
           3.066479806614716e+01) *
              r +
          2.506628277459239) *
         q /
         (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
            6.680131188771972e+01) *
               r -
           1.328068155288572e+01) *
              r +
          1);
}

// Pareto with exponent 3 as in iproute2's pareto.c: mean 1.5 taken off, scaled by 4/3.
double pareto_quantile(double u) { return (1 / std::cbrt(1 - u) - 1.5) * 4 / 3; }

// For a heap whose front leaves first; packets due together leave in the order of arrival.
bool later(const HeldPacket& a, const HeldPacket& b) { return a.due != b.due ? a.due > b.due : a.order > b.order; }

// The longest that a packet can be made to wait.
Duration longest(const Effect& effect) {
  Duration total{0};
  for (const auto& delay : effect.delays) {
    const auto spread = delay.distribution == Distribution::uniform ? 1 : static_cast<int>(widest);
    total += delay.delay + spread * delay.jitter;
  }
  for (const auto& reorder : effect.reorders) total += reorder.delay;
  return total;
}

}  // namespace

double Prng::unit() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

double quantile(Distribution distribution, double u) {
  u = std::clamp(u, 1e-12, 1 - 1e-12);
  double value = 0;
  switch (distribution) {
    case Distribution::uniform:
      value = 2 * u - 1;
      break;
    case Distribution::normal:
      value = normal_quantile(u);
      break;
    case Distribution::pareto:
      value = pareto_quantile(u);
      break;
    case Distribution::paretonormal:
      value = 0.25 * normal_quantile(u) + 0.75 * pareto_quantile(u);
      break;
  }
  return std::clamp(value, -widest, widest);
}

Duration DelaySource::next(Prng& prng) {
  if (delay_.jitter <= Duration::zero()) return delay_.delay;
  double u = prng.unit();
  if (last_) u = (1 - delay_.correlation) * u + delay_.correlation * *last_;
  last_ = u;
  const double offset = quantile(delay_.distribution, u) * static_cast<double>(delay_.jitter.count());
  return std::max(delay_.delay + Duration(std::llround(offset)), Duration::zero());
}

bool ReorderSource::goes_ahead(Prng& prng) {
  if (reorder_.gap > 0 && waited_ + 1 < reorder_.gap) {
    ++waited_;
    return false;
  }
  double chance = reorder_.share;
  if (last_) chance = chance * (1 - reorder_.correlation) + (*last_ ? reorder_.correlation : 0);
  last_ = prng.unit() < chance;
  waited_ = *last_ ? 0 : waited_ + 1;
  return *last_;
}

void DelayLine::configure(const Effect& effect, Instant now) {
  delays_ = {effect.delays.begin(), effect.delays.end()};
  reorders_ = {effect.reorders.begin(), effect.reorders.end()};
  const Instant latest = now + longest(effect);
  for (auto& packet : held_) packet.due = std::min(packet.due, latest);
  std::ranges::make_heap(held_, later);
  last_due_ = std::min(last_due_, latest);
}

// Delays first, strictly first in first out; then whoever is not sent ahead waits for the reorders too.
Instant DelayLine::due_for(Instant now) {
  Instant due = now;
  for (auto& source : delays_) due += source.next(prng_);
  last_due_ = std::max(due, last_due_);
  due = last_due_;
  for (auto& source : reorders_) {
    if (!source.goes_ahead(prng_)) due += source.delay();
  }
  return due;
}

void DelayLine::arrive(std::uint32_t id, std::uint32_t mark, Instant now) {
  held_.push_back({due_for(now), arrived_++, id, mark});
  std::ranges::push_heap(held_, later);
}

void DelayLine::leave(Instant now, std::vector<HeldPacket>& leaving) {
  while (!held_.empty() && held_.front().due <= now) {
    std::ranges::pop_heap(held_, later);
    leaving.push_back(held_.back());
    held_.pop_back();
  }
  shrink();
}

void DelayLine::leave_all(std::vector<HeldPacket>& leaving) {
  std::ranges::sort(held_, [](const HeldPacket& a, const HeldPacket& b) { return later(b, a); });
  leaving.insert(leaving.end(), held_.begin(), held_.end());
  held_.clear();
  last_due_ = {};
  shrink();
}

// A burst must not cost its memory for ever.
void DelayLine::shrink() {
  constexpr std::size_t kept = 4096;
  if (held_.empty() && held_.capacity() > kept) held_ = {};
}

std::optional<Instant> DelayLine::next_due() const {
  if (held_.empty()) return std::nullopt;
  return held_.front().due;
}

}  // namespace entropy::kernel

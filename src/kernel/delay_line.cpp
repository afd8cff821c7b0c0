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
  if (effect.rate) total += RateSource(*effect.rate).longest();
  return total;
}

constexpr double ethernet_header = 14;

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

bool LossSource::loses(Prng& prng) {
  return std::visit([&](const auto& model) { return loses(model, prng); }, model_);
}

bool LossSource::loses(const GilbertElliott& model, Prng& prng) {
  const bool was_bad = bad_;
  if (prng.unit() < (was_bad ? model.r : model.p)) bad_ = !was_bad;
  return prng.unit() >= (was_bad ? model.h : model.k);
}

bool LossSource::loses(const Markov& model, Prng& prng) {
  const double dice = prng.unit();
  switch (state_) {
    case 1:
      if (dice < model.p14) {
        state_ = 4;
      } else if (dice < model.p14 + model.p13) {
        state_ = 3;
      }
      break;
    case 2:
      if (dice < model.p23) state_ = 3;
      break;
    case 3:
      if (dice < model.p32) {
        state_ = 2;
      } else if (dice < model.p32 + model.p31) {
        state_ = 1;
      }
      break;
    default:
      state_ = 1;
  }
  return state_ >= 3;
}

double RateSource::time_of(double bytes) const { return bytes * 8e6 / static_cast<double>(rate_.bits); }

Duration RateSource::longest() const { return Duration(std::llround(time_of(queue_of(rate_)))); }

void RateSource::change(const RateCap& rate, Instant latest) {
  rate_ = rate;
  empty_since_ = std::min(empty_since_, static_cast<double>(latest.time_since_epoch().count()));
}

std::optional<Instant> RateSource::leave(Instant due, std::size_t length) {
  const double time = time_of(static_cast<double>(length) + ethernet_header + rate_.overhead);
  const double capacity = time_of(burst_of(rate_));
  const auto asked = static_cast<double>(due.time_since_epoch().count());
  const double leaves = std::max(asked, empty_since_ + std::min(time, capacity));
  if (leaves - asked > time_of(queue_of(rate_))) return std::nullopt;
  empty_since_ = std::max(empty_since_, leaves - capacity) + time;
  return Instant(Duration(std::llround(leaves)));
}

Bytes corrupted(View packet, Prng& prng) {
  Bytes bytes(packet.begin(), packet.end());
  if (bytes.empty()) return bytes;
  constexpr std::size_t ipv6_header = 40;
  const std::size_t header = bytes[0] >> 4 == 4 ? std::size_t{4} * (bytes[0] & 15) : ipv6_header;
  const std::size_t begin = std::min(header, bytes.size() - 1);
  const auto place = static_cast<std::size_t>(prng.unit() * static_cast<double>(bytes.size() - begin));
  bytes[begin + place] ^= static_cast<std::uint8_t>(1u << static_cast<unsigned>(prng.unit() * 8));
  return bytes;
}

void DelayLine::configure(const Effect& effect, Instant now) {
  delays_ = {effect.delays.begin(), effect.delays.end()};
  reorders_ = {effect.reorders.begin(), effect.reorders.end()};
  models_ = {effect.models.begin(), effect.models.end()};
  corrupt_ = effect.corrupt;
  const Instant latest = now + longest(effect);
  if (!effect.rate) {
    rate_.reset();
  } else if (rate_) {
    rate_->change(*effect.rate, latest);
  } else {
    rate_.emplace(*effect.rate);
  }
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

bool DelayLine::arrive(const Arrival& arrival, Instant now) {
  for (auto& model : models_) {
    if (model.loses(prng_)) return false;
  }
  HeldPacket packet{due_for(now), arrived_++, arrival.id, arrival.mark};
  if (rate_) {
    const auto leaves = rate_->leave(packet.due, arrival.length);
    if (!leaves) return false;
    packet.due = *leaves;
  }
  if (corrupt_ > 0 && prng_.unit() < corrupt_) {
    packet.changed = std::make_unique<Bytes>(corrupted(arrival.payload, prng_));
  }
  held_.push_back(std::move(packet));
  std::ranges::push_heap(held_, later);
  return true;
}

void DelayLine::leave(Instant now, std::vector<HeldPacket>& leaving) {
  while (!held_.empty() && held_.front().due <= now) {
    std::ranges::pop_heap(held_, later);
    leaving.push_back(std::move(held_.back()));
    held_.pop_back();
  }
  shrink();
}

void DelayLine::leave_all(std::vector<HeldPacket>& leaving) {
  std::ranges::sort(held_, [](const HeldPacket& a, const HeldPacket& b) { return later(b, a); });
  leaving.insert(leaving.end(), std::move_iterator(held_.begin()), std::move_iterator(held_.end()));
  held_.clear();
  last_due_ = {};
  shrink();
}

// A burst must not cost its memory for ever.
void DelayLine::shrink() {
  constexpr std::size_t kept = 4096;
  if (held_.empty() && held_.capacity() > kept) std::vector<HeldPacket>().swap(held_);
}

std::optional<Instant> DelayLine::next_due() const {
  if (held_.empty()) return std::nullopt;
  return held_.front().due;
}

}  // namespace entropy::kernel

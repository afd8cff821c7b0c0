#include "injector/effects.hpp"

#include <cmath>

#include "base/text.hpp"

namespace entropy::injector {
namespace {

using kernel::Cut;
using kernel::Effect;

double share(Percent percent) { return percent.value / 100; }
double share(const std::optional<Percent>& percent, double otherwise) { return percent ? share(*percent) : otherwise; }

// Of two dice at least one hits.
double either(double a, double b) { return 1 - (1 - a) * (1 - b); }

kernel::Distribution spread(failure::Distribution distribution) {
  switch (distribution) {
    case failure::Distribution::uniform:
      return kernel::Distribution::uniform;
    case failure::Distribution::normal:
      return kernel::Distribution::normal;
    case failure::Distribution::pareto:
      return kernel::Distribution::pareto;
    case failure::Distribution::paretonormal:
      return kernel::Distribution::paretonormal;
  }
  return kernel::Distribution::uniform;
}

void add_one(Effect& effect, const failure::Latency& latency) {
  effect.delays.push_back({latency.delay, latency.jitter, share(latency.correlation), spread(latency.distribution)});
}
void add_one(Effect& effect, const failure::Loss& loss) {
  effect.loss = either(effect.loss, share(loss.percent));
  const auto& ge = loss.gilbert_elliott;
  if (ge != failure::GilbertElliott{}) {
    const double p = share(ge.p, 0);
    effect.models.push_back(kernel::GilbertElliott{p, share(ge.r, 1 - p), share(ge.h, 0), share(ge.k, 1)});
  }
  const auto& markov = loss.markov;
  if (markov != failure::Markov{}) {
    const double p13 = share(markov.p13, 0);
    effect.models.push_back(kernel::Markov{p13, share(markov.p31, 1 - p13), share(markov.p32, 0), share(markov.p23, 1),
                                           share(markov.p14, 0)});
  }
}
void add_one(Effect& effect, const failure::Reorder& reorder) {
  effect.reorders.push_back({share(reorder.percent), reorder.delay, share(reorder.correlation), reorder.gap});
}
void add_one(Effect& effect, const failure::Partition& partition) {
  if (effect.cut != Cut::drop) effect.cut = partition.mode == failure::PartitionMode::drop ? Cut::drop : Cut::reject;
}
void add_one(Effect& effect, const failure::Duplicate& duplicate) {
  effect.duplicate = either(effect.duplicate, share(duplicate.percent));
}
void add_one(Effect& effect, const failure::Corrupt& corrupt) {
  effect.corrupt = either(effect.corrupt, share(corrupt.percent));
}
void add_one(Effect& effect, const failure::RateLimit& limit) {
  if (effect.rate && effect.rate->bits <= limit.rate.bits) return;
  const auto burst = static_cast<std::uint32_t>(limit.burst.value_or(Size{0}).bytes);
  effect.rate = kernel::RateCap{limit.rate.bits, burst, limit.packet_overhead};
}

void add_one(Effect&, const failure::Dns&) {}  // is for answers to look-ups, whatever packets they are in

// "10%", and not "10.000000000000002%" where shares were composed.
std::string percent_text(double part) {
  constexpr double digits = 1e4;
  return to_string(Percent{std::round(part * 100 * digits) / digits});
}

std::string describe(const kernel::LossModel& model) {
  if (const auto* ge = std::get_if<kernel::GilbertElliott>(&model)) {
    return concat("loss by gilbert-elliott p ", percent_text(ge->p), " r ", percent_text(ge->r), " h ",
                  percent_text(ge->h), " k ", percent_text(ge->k));
  }
  const auto& markov = std::get<kernel::Markov>(model);
  return concat("loss by markov p13 ", percent_text(markov.p13), " p31 ", percent_text(markov.p31), " p32 ",
                percent_text(markov.p32), " p23 ", percent_text(markov.p23), " p14 ", percent_text(markov.p14));
}

}  // namespace

void add(Effect& effect, const failure::Failure& failure) {
  std::visit([&](const auto& value) { add_one(effect, value); }, failure);
}

std::string describe(const Effect& effect) {
  std::vector<std::string> parts;
  for (const auto& delay : effect.delays) {
    parts.push_back(concat("delay ", to_string(delay.delay)));
    if (delay.jitter != Duration::zero()) parts.back() += concat(" ± ", to_string(delay.jitter));
  }
  for (const auto& reorder : effect.reorders) {
    parts.push_back(concat("reorder ", percent_text(reorder.share), " over ", to_string(reorder.delay)));
  }
  if (effect.loss != 0) parts.push_back(concat("loss ", percent_text(effect.loss)));
  for (const auto& model : effect.models) parts.push_back(describe(model));
  if (effect.duplicate != 0) parts.push_back(concat("duplicate ", percent_text(effect.duplicate)));
  if (effect.corrupt != 0) parts.push_back(concat("corrupt ", percent_text(effect.corrupt)));
  if (effect.rate) parts.push_back(concat("rate ", to_string(Rate{effect.rate->bits})));
  if (effect.cut != Cut::none) parts.emplace_back(effect.cut == Cut::drop ? "drop" : "reject");
  return join(parts, ", ");
}

}  // namespace entropy::injector

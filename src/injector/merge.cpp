#include "injector/merge.hpp"

#include <cmath>

#include "base/text.hpp"
#include "failure/catalogue.hpp"

namespace entropy::injector {
namespace {

using kernel::Cut;
using kernel::Effect;

double share(Percent percent) { return percent.value / 100; }

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

void add(Effect& effect, const failure::Latency& latency) {
  effect.delays.push_back({latency.delay, latency.jitter, share(latency.correlation), spread(latency.distribution)});
}
void add(Effect& effect, const failure::Loss& loss) { effect.loss = 1 - (1 - effect.loss) * (1 - share(loss.percent)); }
void add(Effect& effect, const failure::Reorder& reorder) {
  effect.reorders.push_back({share(reorder.percent), reorder.delay, share(reorder.correlation), reorder.gap});
}
void add(Effect& effect, const failure::Partition& partition) {
  if (effect.cut != Cut::drop) effect.cut = partition.mode == failure::PartitionMode::drop ? Cut::drop : Cut::reject;
}

// "10%", and not "10.000000000000002%" where shares were composed.
std::string percent_text(double part) {
  constexpr double digits = 1e4;
  return to_string(Percent{std::round(part * 100 * digits) / digits});
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
  if (effect.cut != Cut::none) parts.emplace_back(effect.cut == Cut::drop ? "drop" : "reject");
  return join(parts, ", ");
}

}  // namespace

kernel::State merge(const std::vector<failure::Failure>& failures) {
  kernel::State state;
  for (const auto& failure : failures) {
    std::visit(
        [&](const auto& value) {
          if (value.direction != failure::Direction::ingress) add(state.egress, value);
          if (value.direction != failure::Direction::egress) add(state.ingress, value);
        },
        failure);
  }
  return state;
}

std::string describe(const kernel::State& state) {
  std::vector<std::string> parts;
  if (!state.egress.empty()) parts.push_back(concat("egress ", describe(state.egress)));
  if (!state.ingress.empty()) parts.push_back(concat("ingress ", describe(state.ingress)));
  return parts.empty() ? "nothing" : join(parts, "; ");
}

}  // namespace entropy::injector

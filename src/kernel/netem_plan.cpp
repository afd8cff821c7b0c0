#include "kernel/netem_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "kernel/delay_line.hpp"

namespace entropy::kernel {
namespace {

using tc::Netem;
using tc::Qdisc;

// The default of a thousand would lose packets: a second at 100 kpps.
constexpr std::uint32_t held_at_most = 100'000;
constexpr unsigned bands = 4;
constexpr std::uint32_t handle_step = 0x1'0000;
constexpr std::uint32_t major_mask = 0xffff'0000;

std::uint32_t scaled(double share) {
  return static_cast<std::uint32_t>(
      std::llround(std::clamp(share, 0.0, 1.0) * std::numeric_limits<std::uint32_t>::max()));
}

Netem delaying(const Delay& delay) {
  Netem netem;
  netem.latency = delay.delay;
  netem.jitter = delay.jitter;
  netem.limit = held_at_most;
  netem.in_order = delay.jitter > Duration::zero();
  netem.distribution = delay.distribution;
  return netem;
}

// netem mixes correlated numbers as x = (1 - c)·u + c·x, which crowd around the middle: of those below 0.25 there is a
// fourteenth at c = 0.5, not a quarter. The number below which a share of them really lies, found by drawing them.
double threshold_for(double share, double correlation) {
  constexpr int draws = 1 << 17;
  constexpr std::size_t steps = 4096;
  if (correlation <= 0 || correlation >= 1 || share <= 0 || share >= 1) return share;
  std::array<std::uint32_t, steps> counts = {};
  Prng prng(1);
  double x = 0.5;
  for (int i = 0; i < draws; ++i) {
    x = (1 - correlation) * prng.unit() + correlation * x;
    ++counts[std::min(static_cast<std::size_t>(x * steps), steps - 1)];
  }
  double below = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    below += counts[i];
    if (below >= share * draws) return static_cast<double>(i + 1) / steps;
  }
  return 1;
}

Netem reordering(const Reorder& reorder) {
  Netem netem = delaying({reorder.delay, {}, 0, {}});
  netem.gap = std::max(reorder.gap, 1u);
  netem.ahead = scaled(threshold_for(reorder.share, reorder.correlation));
  netem.correlation = scaled(reorder.correlation);
  return netem;
}

Netem idle() { return delaying({}); }

Duration plain_delay(const Effect& effect) {
  Duration sum{0};
  for (const auto& delay : effect.delays) {
    if (delay.jitter == Duration::zero()) sum += delay.delay;
  }
  return sum;
}

void append_chain(std::vector<Qdisc>& qdiscs, const std::vector<Netem>& netems, std::uint32_t device,
                  std::uint32_t parent) {
  std::uint32_t handle = first_netem;
  for (const auto& netem : netems) {
    qdiscs.push_back({device, handle, parent, "netem", netem, 0, 0});
    parent = handle | 1;
    handle += handle_step;
  }
}

const Qdisc* find_place(const std::vector<Qdisc>& qdiscs, const Qdisc& place) {
  const auto at = std::ranges::find_if(qdiscs, [&](const Qdisc& qdisc) {
    return qdisc.device == place.device && qdisc.handle == place.handle && qdisc.parent == place.parent;
  });
  return at == qdiscs.end() ? nullptr : &*at;
}

bool has_device(const std::vector<Qdisc>& qdiscs, std::uint32_t device) {
  return std::ranges::find(qdiscs, device, &Qdisc::device) != qdiscs.end();
}

std::string name_of(const Qdisc& qdisc) {
  return concat(qdisc.kind, " ", tc::handle_text(qdisc.handle), " on interface ", qdisc.device);
}

bool does_nothing(const Qdisc& qdisc) {
  const auto* netem = std::get_if<Netem>(&qdisc.options);
  return netem != nullptr && *netem == idle();
}

}  // namespace

Result<std::vector<Netem>> netems_for(const Effect& effect, Losing losing) {
  std::vector<Netem> netems;
  Netem plain = delaying({plain_delay(effect)});
  if (losing == Losing::netem) plain.loss = scaled(effect.cut == Cut::drop ? 1 : effect.loss);
  if (plain != idle()) netems.push_back(plain);
  constexpr tc::Nanoseconds longest_jitter(std::numeric_limits<std::int32_t>::max());
  for (const auto& delay : effect.delays) {
    if (delay.jitter == Duration::zero()) continue;
    if (delay.jitter > longest_jitter) {
      return fail(ErrorCode::unsupported,
                  concat("netem can't do a jitter of ", to_string(delay.jitter), ": it does at most 2147ms"));
    }
    if (delay.correlation > 0) {
      return fail(ErrorCode::unsupported, "netem does not heed the correlation of jitter");
    }
    netems.push_back(delaying(delay));
  }
  for (const auto& reorder : effect.reorders) netems.push_back(reordering(reorder));
  if (netems.empty() && effect.holds_packets()) netems.push_back(idle());
  if (netems.size() > most_netems) {
    return fail(ErrorCode::unsupported,
                concat(netems.size(), " delays with jitter and reorders at once: netem can nest ", most_netems));
  }
  return netems;
}

Result<std::vector<Qdisc>> egress_qdiscs(const Effect& effect, std::uint32_t device, Losing losing) {
  const auto netems = netems_for(effect, losing);
  if (!netems) return fail(netems.error());
  std::vector<Qdisc> qdiscs;
  if (netems->empty()) return qdiscs;
  qdiscs.push_back({device, prio_handle, tc::root_parent, "prio", tc::Prio{bands}, 0, 0});
  append_chain(qdiscs, *netems, device, held_class);
  return qdiscs;
}

Result<std::vector<Qdisc>> ingress_qdiscs(const Effect& effect, std::uint32_t device) {
  const auto netems = netems_for(effect);
  if (!netems) return fail(netems.error());
  std::vector<Qdisc> qdiscs;
  append_chain(qdiscs, *netems, device, tc::root_parent);
  return qdiscs;
}

bool is_ours(const Qdisc& qdisc) {
  if (qdisc.handle == prio_handle) return qdisc.kind == "prio";
  const bool in_range = qdisc.handle >= first_netem && qdisc.handle < first_netem + most_netems * handle_step;
  return in_range && (qdisc.handle & ~major_mask) == 0 && qdisc.kind == "netem";
}

bool is_foreign_root(const Qdisc& qdisc) {
  return qdisc.parent == tc::root_parent && qdisc.handle != 0 && !is_ours(qdisc);
}

QdiscChanges qdisc_changes(const std::vector<Qdisc>& kernel, const std::vector<Qdisc>& wanted, bool renew) {
  QdiscChanges changes;
  for (const auto& qdisc : wanted) {
    const Qdisc* has = find_place(kernel, qdisc);
    if (has == nullptr) {
      changes.added.push_back(qdisc);
    } else if (*has != qdisc || (renew && qdisc.kind == "netem")) {
      changes.changed.push_back(qdisc);
    }
  }
  for (const auto& qdisc : kernel) {
    const bool kept = !is_ours(qdisc) || !has_device(wanted, qdisc.device) || find_place(wanted, qdisc) != nullptr;
    if (kept || does_nothing(qdisc) || qdisc.kind != "netem") continue;
    changes.changed.push_back(qdisc);
    changes.changed.back().options = idle();
  }
  return changes;
}

std::vector<Qdisc> surplus_roots(const std::vector<Qdisc>& kernel, const std::vector<Qdisc>& wanted) {
  std::vector<Qdisc> surplus;
  for (const auto& qdisc : kernel) {
    if (qdisc.parent == tc::root_parent && is_ours(qdisc) && !has_device(wanted, qdisc.device)) {
      surplus.push_back(qdisc);
    }
  }
  return surplus;
}

std::optional<std::string> difference(const std::vector<Qdisc>& kernel, const std::vector<Qdisc>& wanted) {
  for (const auto& qdisc : wanted) {
    const Qdisc* has = find_place(kernel, qdisc);
    if (has == nullptr) return concat("there is no ", name_of(qdisc));
    if (*has != qdisc) return concat(name_of(qdisc), " is not as it was asked for");
  }
  for (const auto& qdisc : kernel) {
    if (!is_ours(qdisc) || find_place(wanted, qdisc) != nullptr) continue;
    if (!has_device(wanted, qdisc.device) || !does_nothing(qdisc)) return concat(name_of(qdisc), " is still there");
  }
  return std::nullopt;
}

}  // namespace entropy::kernel

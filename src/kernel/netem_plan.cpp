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
constexpr unsigned bands = 1 + most_classes;
constexpr std::uint32_t handle_step = 0x1'0000;
constexpr std::uint32_t major_mask = 0xffff'0000;

// Rounded down: the kernel adds some of them up in 32 bits, where two that make 1 together must not begin anew at 0.
std::uint32_t scaled(double share) {
  return static_cast<std::uint32_t>(std::clamp(share, 0.0, 1.0) * std::numeric_limits<std::uint32_t>::max());
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

tc::NetemModel scaled(const LossModel& model) {
  if (const auto* ge = std::get_if<GilbertElliott>(&model)) {
    return tc::NetemGilbertElliott{scaled(ge->p), scaled(ge->r), scaled(ge->h), scaled(1 - ge->k)};
  }
  const auto& markov = std::get<Markov>(model);
  return tc::NetemMarkov{scaled(markov.p13), scaled(markov.p31), scaled(markov.p32), scaled(markov.p14),
                         scaled(markov.p23)};
}

Netem losing_by(const LossModel& model) {
  Netem netem = delaying({});
  netem.model = scaled(model);
  return netem;
}

// A super-packet of TCP that the bucket takes whole has to find room in the queue, or bursts would be lost.
tc::Tbf slowing(const RateCap& rate) {
  constexpr std::uint32_t super_packet = 72 << 10;  // 64 KiB, and headers for each segment
  const std::uint32_t whole = std::min(burst_of(rate), super_packet);
  return {rate.bits / 8, burst_of(rate), std::max(queue_of(rate), whole), rate.overhead};
}

// The kernel tells a bucket's size as its time, in 32 bits of 64 ns each; a larger one begins anew at 0 there.
constexpr Duration longest_burst = std::chrono::seconds(274);
bool is_told_whole(const RateCap& rate) {
  const std::uint64_t bytes = std::uint64_t{burst_of(rate)} + rate.overhead;
  return bytes * 8 / rate.bits < static_cast<std::uint64_t>(longest_burst / std::chrono::seconds(1));
}

std::uint32_t handle_of(unsigned slot, std::size_t position) {
  return first_netem + static_cast<std::uint32_t>(slot * most_in_chain + position) * handle_step;
}

bool is_tbf(const Options& options) { return std::holds_alternative<tc::Tbf>(options); }

void append_chain(std::vector<Qdisc>& qdiscs, const std::vector<Options>& chain, std::uint32_t device, unsigned slot) {
  std::uint32_t parent = first_held_class + slot;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const bool bucket = is_tbf(chain[i]);
    const std::uint32_t handle = handle_of(slot, bucket ? most_in_chain - 1 : i);
    qdiscs.push_back({device, handle, parent, bucket ? "tbf" : "netem", chain[i], 0, 0});
    parent = handle | 1;
  }
}

std::optional<unsigned> slot_of(const Qdisc& qdisc) {
  if (!is_ours(qdisc) || qdisc.handle == prio_handle) return std::nullopt;
  return (qdisc.handle - first_netem) / handle_step / most_in_chain;
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

Result<std::vector<Options>> chain_for(const Effect& effect, Losing losing) {
  std::vector<Options> chain;
  Netem plain = delaying({plain_delay(effect)});
  plain.corrupt = scaled(effect.corrupt);
  if (losing == Losing::netem) plain.loss = scaled(effect.cut == Cut::drop ? 1 : effect.loss);
  if (plain != idle()) chain.emplace_back(plain);
  for (const auto& model : effect.models) chain.emplace_back(losing_by(model));
  constexpr tc::Nanoseconds longest_jitter(std::numeric_limits<std::int32_t>::max());
  for (const auto& delay : effect.delays) {
    if (delay.jitter == Duration::zero()) continue;
    if (delay.jitter > longest_jitter) {
      return fail(ErrorCode::unsupported,
                  concat("netem can't do a jitter of ", entropy::to_string(delay.jitter), ": it does at most 2147ms"));
    }
    if (delay.correlation > 0) {
      return fail(ErrorCode::unsupported, "netem does not heed the correlation of jitter");
    }
    chain.emplace_back(delaying(delay));
  }
  for (const auto& reorder : effect.reorders) chain.emplace_back(reordering(reorder));
  if (chain.empty() && effect.holds_packets() && !effect.rate) chain.emplace_back(idle());
  if (chain.size() >= most_in_chain) {
    return fail(ErrorCode::unsupported, concat(chain.size(),
                                               " delays with jitter, reorders and models of loss at "
                                               "once: netem can nest ",
                                               most_in_chain - 1));
  }
  if (effect.rate && !is_told_whole(*effect.rate)) {
    return fail(ErrorCode::unsupported, concat("tbf can't be read back with a burst that takes more than ",
                                               entropy::to_string(longest_burst), " at its rate"));
  }
  if (effect.rate) chain.emplace_back(slowing(*effect.rate));
  return chain;
}

Result<std::vector<Qdisc>> qdiscs_for(const Traffic& traffic, const Slots& slots, std::uint32_t device, Losing losing) {
  std::vector<Qdisc> qdiscs;
  for (std::size_t i = 0; i < traffic.classes.size(); ++i) {
    const auto chain = chain_for(traffic.classes[i].effect, losing);
    if (!chain) return fail(chain.error());
    if (chain->empty()) continue;
    if (qdiscs.empty()) qdiscs.push_back({device, prio_handle, tc::root_parent, "prio", tc::Prio{bands}, 0, 0});
    append_chain(qdiscs, *chain, device, i < slots.size() ? slots[i] : static_cast<unsigned>(i));
  }
  return qdiscs;
}

bool is_ours(const Qdisc& qdisc) {
  if (qdisc.handle == prio_handle) return qdisc.kind == "prio";
  const bool in_range = qdisc.handle >= first_netem && qdisc.handle < handle_of(most_classes, 0);
  if (!in_range || (qdisc.handle & ~major_mask) != 0) return false;
  const bool at_end = (qdisc.handle - first_netem) / handle_step % most_in_chain == most_in_chain - 1;
  return qdisc.kind == (at_end ? "tbf" : "netem");
}

bool is_foreign_root(const Qdisc& qdisc) {
  return qdisc.parent == tc::root_parent && qdisc.handle != 0 && !is_ours(qdisc);
}

namespace {

// The head of a chain where another kind of chain is to be made: with it go all behind it.
std::vector<Qdisc> in_the_way(const std::vector<Qdisc>& kernel, const std::vector<Qdisc>& wanted) {
  std::vector<Qdisc> heads;
  for (const auto& qdisc : kernel) {
    const auto slot = slot_of(qdisc);
    if (!slot || qdisc.parent != first_held_class + *slot) continue;
    const bool conflicts = std::ranges::any_of(wanted, [&](const Qdisc& other) {
      if (other.device != qdisc.device || slot_of(other) != slot) return false;
      return std::ranges::any_of(kernel, [&](const Qdisc& has) {
        if (has.device != other.device || slot_of(has) != slot) return false;
        if (is_tbf(has.options) && find_place(wanted, has) == nullptr) return true;
        return (has.parent == other.parent) != (has.handle == other.handle);
      });
    });
    if (conflicts) heads.push_back(qdisc);
  }
  return heads;
}

}  // namespace

QdiscChanges qdisc_changes(const std::vector<Qdisc>& kernel, const std::vector<Qdisc>& wanted, bool renew) {
  QdiscChanges changes{in_the_way(kernel, wanted), {}, {}};
  std::vector<Qdisc> left = kernel;
  std::erase_if(left, [&](const Qdisc& qdisc) {
    return std::ranges::any_of(changes.removed, [&](const Qdisc& head) {
      return head.device == qdisc.device && slot_of(head) == slot_of(qdisc);
    });
  });
  for (const auto& qdisc : wanted) {
    const Qdisc* has = find_place(left, qdisc);
    if (has == nullptr) {
      changes.added.push_back(qdisc);
    } else if (*has != qdisc || (renew && qdisc.kind == "netem")) {
      changes.changed.push_back(qdisc);
    }
  }
  for (const auto& qdisc : left) {
    const bool kept = !is_ours(qdisc) || !has_device(wanted, qdisc.device) || find_place(wanted, qdisc) != nullptr;
    if (kept || does_nothing(qdisc) || qdisc.kind != "netem") continue;
    changes.changed.push_back(qdisc);
    changes.changed.back().options = idle();
  }
  return changes;
}

bool holds_any(const std::vector<Qdisc>& kernel, std::uint32_t device) {
  return std::ranges::any_of(
      kernel, [&](const Qdisc& qdisc) { return qdisc.device == device && slot_of(qdisc) && qdisc.holding > 0; });
}

namespace {

// A qdisc counts what its child drops on being given it as well.
std::uint64_t dropped_by(const Qdisc& qdisc, const std::vector<Qdisc>& kernel) {
  const auto child = std::ranges::find_if(kernel, [&](const Qdisc& other) {
    return other.device == qdisc.device && other.parent == (qdisc.handle | 1) && other.handle > qdisc.handle;
  });
  if (child == kernel.end()) return qdisc.dropped;
  return qdisc.dropped - std::min<std::uint64_t>(qdisc.dropped, dropped_by(*child, kernel));
}

}  // namespace

std::map<unsigned, std::uint64_t> dropped_on(std::uint32_t device, const std::vector<Qdisc>& kernel) {
  std::map<unsigned, std::uint64_t> sums;
  for (const auto& qdisc : kernel) {
    const auto slot = slot_of(qdisc);
    if (qdisc.device == device && slot) sums[*slot] += dropped_by(qdisc, kernel);
  }
  return sums;
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
    const bool idles = does_nothing(qdisc) || is_tbf(qdisc.options);  // a bucket that nothing is sent to
    if (!has_device(wanted, qdisc.device) || !idles) return concat(name_of(qdisc), " is still there");
  }
  return std::nullopt;
}

}  // namespace entropy::kernel

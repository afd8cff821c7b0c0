#include "kernel/slots.hpp"

#include <array>
#include <optional>

namespace entropy::kernel {
namespace {

enum class Use { never, before, now };
using Uses = std::array<Use, most_classes>;

// How many things beside plain waiting a chain of qdiscs with a rate at its end consists of; 0: the chain can grow.
std::size_t shape(const Effect& effect) {
  if (!effect.rate) return 0;
  std::size_t with_jitter = 0;
  bool plain = effect.corrupt > 0;
  for (const auto& delay : effect.delays) {
    if (delay.jitter > Duration::zero()) {
      ++with_jitter;
    } else {
      plain = true;
    }
  }
  return 1 + (plain ? 1 : 0) + with_jitter + effect.models.size() + effect.reorders.size();
}

template <class Same>
void keep(const Traffic& before, const Slots& slots, const Traffic& wanted, std::vector<std::optional<unsigned>>& kept,
          Same same) {
  for (std::size_t i = 0; i < wanted.classes.size(); ++i) {
    for (std::size_t j = 0; j < before.classes.size() && j < slots.size() && !kept[i]; ++j) {
      const Class& old = before.classes[j];
      const bool taken = std::ranges::find(kept, std::optional(slots[j])) != kept.end();
      const bool fits = same(old, wanted.classes[i]) && shape(old.effect) == shape(wanted.classes[i].effect);
      if (fits && !taken) kept[i] = slots[j];
    }
  }
}

unsigned take_free(Uses& uses) {
  for (const Use best : {Use::never, Use::before}) {
    for (unsigned i = 0; i < uses.size(); ++i) {
      if (uses[i] != best) continue;
      uses[i] = Use::now;
      return i;
    }
  }
  return most_classes - 1;  // more classes than there are places: refused before it comes to that
}

}  // namespace

Slots assign_slots(const Traffic& before, const Slots& slots, const Traffic& wanted) {
  Uses uses = {};
  for (const unsigned slot : slots) uses[slot] = Use::before;
  std::vector<std::optional<unsigned>> kept(wanted.classes.size());
  keep(before, slots, wanted, kept, [](const Class& a, const Class& b) { return a.name == b.name; });
  keep(before, slots, wanted, kept, [](const Class& a, const Class& b) { return a.match == b.match; });
  for (const auto& slot : kept) {
    if (slot) uses[*slot] = Use::now;
  }
  Slots assigned;
  for (const auto& slot : kept) assigned.push_back(slot ? *slot : take_free(uses));
  return assigned;
}

}  // namespace entropy::kernel

#include "chaos/neighbour.hpp"

#include "base/text.hpp"
#include "chaos/wishes.hpp"

namespace entropy::chaos {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_policies = 3;
constexpr Duration longest_absence = 10s;

}  // namespace

Neighbour::Neighbour(World& world, Duration lease, Voice say, Voice broken)
    : world_(world), say_(std::move(say)), broken_(std::move(broken)), service_(world, neighbours_id, lease) {
  begin();
}

void Neighbour::begin() {
  service_.begin();
  say_("the neighbour begins");
}

void Neighbour::work() {
  if (service_.work() || !service_.runs()) return;
  say_(gone_ ? "the neighbour is killed for good" : "the neighbour is killed");
  service_.end();
  if (!gone_) world_.agenda.after(world_.dice.between(0s, longest_absence), [this] { begin(); });
}

void Neighbour::act() {
  if (!service_.runs()) return;
  const auto views = service_.manager().policies();
  switch (world_.dice.below(8)) {
    case 0:
      return end();
    case 1:
      return stop();
    case 2:
    case 3: {
      if (views.empty()) return;
      const std::string name = world_.dice.one_of(views).record.policy.name;
      say_(concat("the neighbour changes ", name));
      (void)service_.manager().put_policy(name, some_draft(world_.dice, name, true), std::nullopt);
      return;
    }
    default: {
      if (views.size() >= most_policies) return;
      const auto draft = some_draft(world_.dice, concat("q", ++names_), true);
      say_(concat("the neighbour creates ", policy::print_json(policy::to_json(draft.policy))));
      (void)service_.manager().create_policy(draft);
    }
  }
}

void Neighbour::end() {
  gone_ = world_.dice.chance(0.3);
  Life& life = service_.life();
  life.afterwards = world_.dice.chance(0.5);
  if (world_.dice.chance(0.5)) {
    life.calls_left = static_cast<int>(world_.dice.below(12));
  } else {
    life.dead = true;
  }
}

void Neighbour::stop() {
  const auto views = service_.manager().policies();
  if (views.empty()) return;
  const std::string name = world_.dice.one_of(views).record.policy.name;
  const bool remove = world_.dice.chance(0.5);
  say_(concat("the neighbour ", remove ? "removes " : "stops ", name));
  const auto done = [this, name](const Result<>& ended) {
    if (!ended) return;
    for (const auto& host : world_.hosts) {
      for (const auto& id : host->injectors_of(neighbours_id)) {
        const auto& process = host->find(id)->process;
        if (!process) continue;
        for (const auto& fault : process->holds()) {
          if (std::get<0>(fault) == name) broken_(concat("the neighbour has ended ", name, ", but ", id, " holds it"));
        }
      }
    }
  };
  service_.end_policy(name, remove, done);
}

void Neighbour::calm_down() {
  // Whose end was near ends now.
  if (gone_) service_.life().dead = true;
  service_.life().calls_left.reset();
}

void Neighbour::remove_all() {
  for (const auto& view : service_.manager().policies()) {
    const std::string name = view.record.policy.name;
    service_.end_policy(name, true, [this, name](const Result<>& removed) {
      if (!removed) broken_(concat("removing ", name, ": ", removed.error().message));
    });
  }
}

Intent Neighbour::intent() const {
  Intent intent{neighbours_id, {}, false};
  for (const auto& view : service_.manager().policies()) intent.policies.push_back(view.record);
  return intent;
}

}  // namespace entropy::chaos

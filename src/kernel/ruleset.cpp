#include "kernel/ruleset.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "kernel/class_chains.hpp"

namespace entropy::kernel {
namespace {

using nft::Chain;
using nft::Family;
using nft::Table;

// Behind the target's own firewall and address translation (nftables' "srcnat" is 100).
constexpr std::int32_t last_priority = 300;

const Traffic& traffic_of(const State& state, Direction direction) {
  return direction == Direction::egress ? state.egress : state.ingress;
}

const Slots& slots_of(const Surroundings& around, Direction direction) {
  return direction == Direction::egress ? around.egress_slots : around.ingress_slots;
}

// Everything of one table.
class TableBuilder {
 public:
  TableBuilder(Family family, const State& state, const Surroundings& around)
      : table_{family, std::string(table_name), 0, {}, {}}, state_(state), around_(around) {
    nft::Set alive{{}, alive_timeout, static_cast<std::uint32_t>(nft::interface_key("").size()), {}};
    for (const auto& name : around.interfaces) alive.elements.push_back({nft::interface_key(name), false});
    const bool has_names = family != Family::netdev && !state.names.empty();
    if (has_names) alive.elements.push_back({nft::interface_key(alive_names), false});
    for (const auto name : alive_sets) {
      alive.name = name;
      table_.sets.push_back(alive);
    }
  }

  // A chain in the hook of `stage`, and those of the classes; nothing if no class has work to do there.
  void add(Stage stage, Chain base) {
    const Direction direction = direction_of(stage);
    const Traffic& traffic = traffic_of(state_, direction);
    const Slots& slots = slots_of(around_, direction);
    std::size_t count = traffic.classes.size();
    while (count > 0 && !has_work(stage, traffic.classes[count - 1].effect, around_)) --count;
    if (count == 0) return;
    base.rules = prelude(stage, table_.family, traffic, around_);
    for (std::size_t i = 0; i < count; ++i)
      dispatch(stage, base, traffic.classes[i], i < slots.size() ? slots[i] : static_cast<unsigned>(i));
    table_.chains.push_back(std::move(base));
  }

  void add_names(Chain base) {
    if (state_.names.empty()) return;
    base.rules = name_rules(around_);
    table_.chains.push_back(std::move(base));
  }

  // None without chains.
  std::optional<Table> build() {
    if (table_.chains.empty()) return std::nullopt;
    return std::move(table_);
  }

 private:
  void dispatch(Stage stage, Chain& base, const Class& each, unsigned slot) {
    if (!base.device.empty() && !is_on(base.device, each.match)) return;
    Matching fits = matching(each.match, table_.family, direction_of(stage));
    for (auto& set : fits.sets) {
      if (std::ranges::find(table_.sets, set.name, &nft::Set::name) == table_.sets.end()) {
        table_.sets.push_back(std::move(set));
      }
    }
    const bool works = has_work(stage, each.effect, around_);
    const std::string chain = concat(to_string(stage), " ", slot);
    constexpr std::size_t longest_comment = 100;
    for (auto& alternative : fits.alternatives) {
      alternative.push_back(works ? nft::Expression(nft::Goto{chain}) : nft::Expression(nft::Verdict{NF_ACCEPT}));
      base.rules.push_back(
          {concat("class ", std::string_view(each.name).substr(0, longest_comment)), std::move(alternative)});
    }
    if (!works || fits.alternatives.empty()) return;
    if (std::ranges::find(table_.chains, chain, &Chain::name) != table_.chains.end()) return;
    table_.chains.push_back(
        {chain, std::nullopt, 0, {}, class_rules(stage, table_.family, each.effect, slot, around_)});
  }

  static bool is_on(const std::string& device, const Match& match) {
    return match.interfaces.empty() || std::ranges::find(match.interfaces, device) != match.interfaces.end();
  }

  Table table_;
  const State& state_;
  const Surroundings& around_;
};

std::optional<Table> address_family_table(Family family, const State& state, const Surroundings& around) {
  TableBuilder builder(family, state, around);
  builder.add(Stage::output, {"output", NF_INET_LOCAL_OUT, last_priority, {}, {}});
  builder.add(Stage::postrouting, {"postrouting", NF_INET_POST_ROUTING, last_priority, {}, {}});
  builder.add(Stage::input, {"input", NF_INET_LOCAL_IN, last_priority, {}, {}});
  // Of packets that were queued before the rest of a chain is skipped, but not another chain.
  builder.add(Stage::arrived, {"arrived", NF_INET_LOCAL_IN, last_priority + 1, {}, {}});
  builder.add_names({"names", NF_INET_LOCAL_IN, last_priority + 2, {}, {}});
  return builder.build();
}

std::optional<Table> device_table(const State& state, const Surroundings& around) {
  TableBuilder builder(Family::netdev, state, around);
  for (const auto& device : around.interfaces) {
    builder.add(Stage::egress, {concat("egress of ", device), NF_NETDEV_EGRESS, 0, device, {}});
    builder.add(Stage::ingress, {concat("ingress of ", device), NF_NETDEV_INGRESS, 0, device, {}});
  }
  return builder.build();
}

double rounded(double share) { return std::round(std::clamp(share, 0.0, 1.0) * share_steps) / share_steps; }

}  // namespace

State canonical(State state) {
  for (Traffic* traffic : {&state.egress, &state.ingress}) {
    for (auto& each : traffic->classes) {
      each.effect.loss = rounded(each.effect.loss);
      each.effect.duplicate = rounded(each.effect.duplicate);
    }
    if (!traffic->any([](const Effect& effect) { return !effect.empty(); })) traffic->classes.clear();
  }
  return state;
}

std::vector<Table> tables_for(const State& state, const Surroundings& around) {
  std::vector<Table> tables;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (family == Family::ipv6 && !around.ipv6) continue;
    if (auto table = address_family_table(family, state, around)) tables.push_back(std::move(*table));
  }
  if (auto table = device_table(state, around)) tables.push_back(std::move(*table));
  return tables;
}

}  // namespace entropy::kernel

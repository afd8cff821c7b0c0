// Tables as the kernel has them: compared, changed, and understood.
#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "kernel/ruleset.hpp"

namespace entropy::kernel {
namespace {

using nft::Chain;
using nft::Family;
using nft::Rule;
using nft::Set;
using nft::Table;

const Table* find_table(const std::vector<Table>& tables, Family family) {
  const auto at = std::ranges::find(tables, family, &Table::family);
  return at == tables.end() ? nullptr : &*at;
}

const Chain* find_chain(const Table* table, std::string_view name) {
  if (table == nullptr) return nullptr;
  const auto at = std::ranges::find(table->chains, name, &Chain::name);
  return at == table->chains.end() ? nullptr : &*at;
}

const Set* find_set(const Table* table, std::string_view name) {
  if (table == nullptr) return nullptr;
  const auto at = std::ranges::find(table->sets, name, &Set::name);
  return at == table->sets.end() ? nullptr : &*at;
}

// There may be tens of thousands, which the kernel lists in an order of its own.
bool same_elements(const Set& a, const Set& b) {
  const auto in_order = [](std::vector<nft::Element> elements) {
    std::ranges::sort(elements, {}, [](const nft::Element& each) { return std::tie(each.key, each.end); });
    return elements;
  };
  return a.timeout == b.timeout && a.elements.size() == b.elements.size() &&
         in_order(a.elements) == in_order(b.elements);
}

// A busy machine lets one of the sets of the living fade before its turn: what is in the other is alive all the same.
bool same_living(const Table& kernel, const Table& wanted) {
  std::vector<nft::Element> living;
  const Set* asked = nullptr;
  for (const auto name : alive_sets) {
    asked = find_set(&wanted, name);
    const Set* has = find_set(&kernel, name);
    if (asked == nullptr || has == nullptr || asked->timeout != has->timeout) return asked == has;
    for (const auto& element : has->elements) {
      if (std::ranges::find(living, element) == living.end()) living.push_back(element);
    }
  }
  return std::ranges::is_permutation(living, asked->elements);
}

std::optional<std::string> table_difference(const Table* kernel, const Table& wanted) {
  const std::string_view family = nft::to_string(wanted.family);
  if (kernel == nullptr) return concat("there is no table ", family, " ", wanted.name);
  if (!same_living(*kernel, wanted)) return concat("the sets of the living of ", family, " differ");
  for (const auto& set : wanted.sets) {
    if (set.fades()) continue;
    const Set* has = find_set(kernel, set.name);
    if (has == nullptr || !same_elements(*has, set)) return concat("set ", set.name, " of ", family, " differs");
  }
  for (const auto& chain : wanted.chains) {
    const Chain* has = find_chain(kernel, chain.name);
    if (has == nullptr || *has != chain) return concat("chain ", quoted(chain.name), " of ", family, " differs");
  }
  return std::nullopt;
}

bool disposes(const Rule& rule) { return rule.comment == comment::originals; }

std::optional<std::string> surplus(const Table& kernel, const Table* wanted) {
  for (const auto& chain : kernel.chains) {
    if (!std::ranges::all_of(chain.rules, disposes) && find_chain(wanted, chain.name) == nullptr) {
      return concat("chain ", quoted(chain.name), " of ", nft::to_string(kernel.family), " still has rules");
    }
  }
  return std::nullopt;
}

void write_rules(Writer& out, const Table& table, const Chain* kernel, const Chain& wanted) {
  if (kernel != nullptr && kernel->rules == wanted.rules) return;
  if (kernel != nullptr && !kernel->rules.empty()) nft::delete_rules(out, table.family, table.name, wanted.name);
  for (const auto& rule : wanted.rules) nft::add_rule(out, table.family, table.name, wanted.name, rule);
}

bool contains(const Set& set, const nft::Element& element) {
  return std::ranges::find(set.elements, element) != set.elements.end();
}

void write_set(Writer& out, const Table& table, const Set* kernel, const Set& wanted) {
  if (kernel == nullptr) {
    nft::add_set(out, table.family, table.name, wanted);
    nft::add_elements(out, table.family, table.name, wanted);
    return;
  }
  if (!wanted.fades()) return;  // other contents have another name
  // What stays is left alone: it is renewed in its own time.
  Set surplus = *kernel;
  Set missing = wanted;
  std::erase_if(surplus.elements, [&](const auto& each) { return contains(wanted, each); });
  std::erase_if(missing.elements, [&](const auto& each) { return contains(*kernel, each); });
  nft::remove_elements(out, table.family, table.name, surplus);
  nft::add_elements(out, table.family, table.name, missing);
}

// Chains before the rules that lead to them.
void write_table(Writer& out, const Table* kernel, const Table& wanted) {
  if (kernel == nullptr) nft::add_table(out, wanted.family, wanted.name);
  for (const auto& set : wanted.sets) write_set(out, wanted, find_set(kernel, set.name), set);
  for (const auto& chain : wanted.chains) {
    if (find_chain(kernel, chain.name) == nullptr) nft::add_chain(out, wanted.family, wanted.name, chain);
  }
  for (const auto& chain : wanted.chains) write_rules(out, wanted, find_chain(kernel, chain.name), chain);
}

template <class Use>
void for_each_rule(const std::vector<Table>& tables, Use use) {
  for (const auto& table : tables) {
    for (const auto& chain : table.chains) {
      for (const auto& rule : chain.rules) use(chain, rule);
    }
  }
}

template <class T>
const T* first_expression(const Rule& rule) {
  for (const auto& expression : rule.expressions) {
    if (const T* found = std::get_if<T>(&expression)) return found;
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> difference(const std::vector<Table>& kernel, const std::vector<Table>& wanted) {
  for (const auto& table : wanted) {
    if (auto found = table_difference(find_table(kernel, table.family), table)) return found;
  }
  for (const auto& table : kernel) {
    if (auto found = surplus(table, find_table(wanted, table.family))) return found;
  }
  return std::nullopt;
}

void write_transition(Writer& out, const std::vector<Table>& kernel, const std::vector<Table>& wanted) {
  nft::begin_batch(out);
  for (const auto& table : wanted) write_table(out, find_table(kernel, table.family), table);
  for (const auto& table : draining(kernel)) {
    const Table* kept = find_table(wanted, table.family);
    for (const auto& chain : table.chains) {
      if (find_chain(kept, chain.name) != nullptr) continue;
      write_rules(out, table, find_chain(find_table(kernel, table.family), chain.name), chain);
    }
  }
  nft::end_batch(out);
}

bool write_new_sets(Writer& out, const std::vector<Table>& kernel, const std::vector<Table>& wanted) {
  bool any = false;
  nft::begin_batch(out);
  for (const auto& table : wanted) {
    const Table* known = find_table(kernel, table.family);
    if (known == nullptr) continue;  // comes as a whole
    for (const auto& set : table.sets) {
      if (find_set(known, set.name) != nullptr) continue;
      write_set(out, table, nullptr, set);
      any = true;
    }
  }
  nft::end_batch(out);
  return any;
}

bool write_set_removals(Writer& out, const std::vector<Table>& kernel, const std::vector<Table>& wanted) {
  bool any = false;
  nft::begin_batch(out);
  for (const auto& table : kernel) {
    for (const auto& set : table.sets) {
      if (set.fades() || find_set(find_table(wanted, table.family), set.name) != nullptr) continue;
      nft::delete_set(out, table.family, table.name, set.name);
      any = true;
    }
  }
  nft::end_batch(out);
  return any;
}

Result<State> state_of(const std::vector<Table>& tables, const State& held, const Surroundings& surroundings) {
  if (tables.empty()) return State{};
  if (const auto other = difference(tables, tables_for(held, surroundings))) {
    return fail(ErrorCode::internal, concat("the kernel's rules make no state of ours: ", *other));
  }
  return held;
}

std::vector<Table> draining(std::vector<Table> tables) {
  for (auto& table : tables) {
    for (auto& chain : table.chains) {
      std::erase_if(chain.rules, [](const Rule& rule) { return !disposes(rule); });
    }
  }
  return tables;
}

Tally counted_by_replaced(const std::vector<Table>& kernel, const std::vector<Table>& wanted) {
  auto replaced = kernel;
  for (auto& table : replaced) {
    const Table* next = find_table(wanted, table.family);
    std::erase_if(table.chains, [&](const Chain& chain) {
      const Chain* kept = find_chain(next, chain.name);
      return kept != nullptr && kept->rules == chain.rules;
    });
  }
  return counted(replaced);
}

Tally counted(const std::vector<Table>& tables) {
  Tally tally;
  for_each_rule(tables, [&](const Chain& chain, const Rule& rule) {
    const auto* counter = first_expression<nft::Counter>(rule);
    if (counter == nullptr) return;
    Counters& counters = tally[chain.name];
    if (rule.comment == comment::matched) {
      counters.matched += counter->packets;
    } else if (rule.comment == comment::held) {
      counters.delayed += counter->packets;
    } else if (rule.comment == comment::doubled) {
      counters.duplicated += counter->packets;
    } else {
      counters.dropped += counter->packets;
    }
  });
  return tally;
}

}  // namespace entropy::kernel

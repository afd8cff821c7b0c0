#include "chaos/expectation.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "fakes/plain_subject.hpp"
#include "injector/decide.hpp"
#include "injector/merge.hpp"

namespace entropy::chaos {
namespace {

constexpr std::string_view joined = "container:";

bool is_up(const HostContainer& it) { return it.container.state == "running" || it.container.state == "paused"; }
bool is_injector(const HostContainer& it) { return it.container.labels.contains("entropy.injector"); }
bool is_protected(const HostContainer& it) { return it.container.labels.contains("entropy.protect"); }

fakes::PlainSubject subject_of(const HostContainer& it) {
  const docker::Labels& labels = it.container.labels;
  fakes::PlainSubject subject({labels.begin(), labels.end()}, {{policy::Attribute::name, it.container.name}});
  for (const auto& network : it.container.networks)
    subject.attributes.emplace_back(policy::Attribute::network, network.name);
  return subject;
}

// The targets of one network namespace.
struct Namespace {
  std::string owner;
  std::vector<const HostContainer*> members;
};

std::vector<Namespace> namespaces_of(Host& host) {
  std::map<std::string, Namespace> all;
  for (const auto& [id, it] : host.containers()) {
    if (is_injector(it) || !is_up(it)) continue;
    std::string owner = id;
    if (it.container.network_mode.starts_with(joined)) {
      const HostContainer* other = host.find(it.container.network_mode.substr(joined.size()));
      if (other != nullptr && is_up(*other)) {
        if (other->network_namespace != it.network_namespace) continue;  // that of an earlier start, which is gone
        owner = other->container.id;
      } else {
        // Without its owner, the first of those who joined it stands for all.
        for (const auto& [first, each] : host.containers()) {
          if (!is_up(each) || is_injector(each) || each.container.network_mode != it.container.network_mode) continue;
          owner = first;
          break;
        }
      }
    }
    all[owner].owner = owner;
    all[owner].members.push_back(&it);
  }
  std::vector<Namespace> list;
  for (auto& [owner, each] : all) {
    const std::string& mode = host.find(owner)->container.network_mode;
    const bool untouchable =
        mode == "host" || std::ranges::any_of(each.members, [](auto* it) { return is_protected(*it); });
    if (!untouchable) list.push_back(std::move(each));
  }
  return list;
}

bool runs(const policy::Record& record, Time now) {
  return record.policy.running && now < policy::expiry(record.policy.schedule);
}

bool matches(const policy::Record& record, const HostContainer& it) {
  return record.policy.selector.matches(subject_of(it));
}

// By policy, the names of which one is to be in the program.
using Wanted = std::map<std::string, std::pair<const policy::Record*, std::vector<std::string>>>;

Wanted wanted_in(const Namespace& each, const Intent& intent, Time now) {
  Wanted wanted;
  for (const auto& record : intent.policies) {
    if (!runs(record, now) || record.policy.failures.empty()) continue;
    for (const auto* it : each.members) {
      if (!matches(record, *it)) continue;
      wanted[record.policy.name].first = &record;
      wanted[record.policy.name].second.push_back(it->container.name);
    }
  }
  return wanted;
}

std::string program_deviation(const program::Program& program, const Wanted& wanted) {
  if (program.entries.size() != wanted.size())
    return concat("follows ", program.entries.size(), " policies, not ", wanted.size());
  for (const auto& entry : program.entries) {
    const auto found = wanted.find(entry.policy);
    if (found == wanted.end()) return concat("follows ", entry.policy);
    const auto& [record, names] = found->second;
    if (std::ranges::find(names, entry.target) == names.end()) return concat("rolls the dice for ", entry.target);
    if (entry.schedule != record->policy.schedule) return concat("follows an old schedule of ", entry.policy);
    if (entry.failures != record->policy.failures) return concat("follows old failures of ", entry.policy);
  }
  return {};
}

std::string kernel_deviation(const InjectorProcess& process, Time now) {
  std::vector<injector::Part> parts;
  for (const auto& due : injector::decide(process.program(), now, {false, true}).faults) {
    parts.push_back({due.policy, due.failure, due.resolved});
  }
  const kernel::State state = injector::merge(parts).value();
  if (state == process.held()) return {};
  return concat("holds '", injector::describe(process.held()), "', not '", injector::describe(state), "'");
}

std::vector<const HostContainer*> injectors_beside(Host& host, const std::string& owner, const std::string& manager) {
  std::vector<const HostContainer*> injectors;
  for (const auto& id : host.injectors_of(manager)) {
    const HostContainer* it = host.find(id);
    if (it->container.labels.at("entropy.target") == owner) injectors.push_back(it);
  }
  return injectors;
}

// Whether somebody else serves the namespace.
bool is_taken(Host& host, const std::string& owner, const std::string& manager) {
  return !injectors_beside(host, owner, manager == our_id ? neighbours_id : our_id).empty();
}

std::string deviation_in(Host& host, const Namespace& each, const Wanted& wanted, const Intent& intent) {
  const auto injectors = injectors_beside(host, each.owner, intent.manager);
  const std::string where = concat("beside ", host.find(each.owner)->container.name, " (", each.owner, "): ");
  if (wanted.empty()) return injectors.empty() ? "" : concat(where, "an injector that nobody needs");
  const bool may_lack = intent.halted || is_taken(host, each.owner, intent.manager);
  if (may_lack && injectors.empty()) return {};
  if (injectors.size() != 1) return concat(where, injectors.size(), " injectors of ", intent.manager);
  const HostContainer& it = *injectors.front();
  if (is_taken(host, each.owner, intent.manager)) return concat(where, "injectors of two managers");
  if (it.container.state != "running") return concat(where, "the injector is ", it.container.state);
  if (it.network_namespace != host.find(each.owner)->network_namespace)
    return concat(where, "the injector is in another namespace");
  if (auto text = program_deviation(it.process->program(), intent.halted ? Wanted() : wanted); !text.empty())
    return where + text;
  if (auto text = kernel_deviation(*it.process, host.clock().now()); !text.empty()) return where + text;
  return {};
}

std::string deviation_on(Host& host, const std::vector<Intent>& intents, Time now) {
  const auto namespaces = namespaces_of(host);
  for (const auto& intent : intents) {
    for (const auto& each : namespaces) {
      if (auto text = deviation_in(host, each, wanted_in(each, intent, now), intent); !text.empty()) return text;
    }
  }
  for (const auto& id : host.ids(true)) {
    const auto& owner = host.find(id)->container.labels.at("entropy.target");
    if (std::ranges::none_of(namespaces, [&](const auto& each) { return each.owner == owner; }))
      return concat("an injector is left beside ", owner);
  }
  return {};
}

}  // namespace

std::string deviation(World& world, const std::vector<Intent>& intents) {
  for (const auto& host : world.hosts) {
    if (auto text = deviation_on(*host, intents, world.agenda.now()); !text.empty())
      return concat(host->name(), " ", text);
  }
  return {};
}

// What is done to containers is said to hold on no more of them than show it.
std::string overstatement(World& world, const control::PolicyView& view) {
  std::size_t harmed = 0;
  for (const auto& host : world.hosts) {
    // One that is down, or paused by somebody else, shows the same as one that was stopped or paused.
    for (const auto& [id, it] : host->containers())
      harmed += it.harm.size() + (it.container.state == "running" ? 0 : 1);
  }
  if (view.status.active <= view.record.policy.container_failures.size() * harmed) return {};
  return concat("the status of ", view.record.policy.name, " says ", view.status.active, " active; only ", harmed,
                " containers show anything of it");
}

// Of others on the same engine both managers say that they are there.
std::string unsaid(World& world, const Intent& intent, control::Manager& manager) {
  const std::string other = intent.manager == our_id ? neighbours_id : our_id;
  for (const auto& view : manager.endpoints()) {
    const auto host = std::ranges::find(world.hosts, view.endpoint, [](const auto& each) { return each->name(); });
    const bool said = view.message.contains(concat("another Entropy (manager ", other, ")"));
    if (said == (*host)->injectors_of(other).empty())
      return concat(intent.manager, " says of ", view.endpoint, ": ", view.message);
  }
  return {};
}

std::string untruth(World& world, const Intent& intent, control::Manager& manager) {
  if (auto text = unsaid(world, intent, manager); !text.empty()) return text;
  for (const auto& view : manager.policies()) {
    const policy::Record& record = view.record;
    if (!record.policy.container_failures.empty()) {
      if (auto text = overstatement(world, view); !text.empty()) return text;
      continue;
    }
    std::size_t targets = 0;
    std::size_t holding = 0;
    bool troubled = false;
    for (const auto& host : world.hosts) {
      const bool skewed = std::chrono::abs(host->clock().ahead) > std::chrono::seconds(1);
      for (const auto& each : namespaces_of(*host)) {
        const auto count = std::ranges::count_if(each.members, [&](auto* it) { return matches(record, *it); });
        targets += static_cast<std::size_t>(count);
        troubled |= count > 0 && (skewed || is_taken(*host, each.owner, intent.manager));
      }
      for (const auto& [id, it] : host->containers()) {
        if (!it.process) continue;
        for (const auto& fault : it.process->holds()) holding += std::get<0>(fault) == record.policy.name ? 1 : 0;
      }
    }
    control::Phase phase = holding > 0 ? control::Phase::active : control::Phase::armed;
    if (troubled) phase = control::Phase::degraded;
    if (targets == 0) phase = control::Phase::waiting;
    if (intent.halted) phase = control::Phase::halted;
    if (world.agenda.now() >= policy::expiry(record.policy.schedule)) phase = control::Phase::expired;
    if (!record.policy.running) phase = control::Phase::stopped;
    if (view.status.phase != phase || view.status.active != holding || view.status.targets != targets) {
      return concat("the status of ", record.policy.name, " says ", to_string(view.status.phase), " (",
                    view.status.message, "), ", view.status.active, " active, ", view.status.targets,
                    " targets; the truth is ", to_string(phase), ", ", holding, ", ", targets);
    }
  }
  return {};
}

}  // namespace entropy::chaos

// The parts of the service that only look.
#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "base/version.hpp"
#include "control/labels.hpp"
#include "control/manager.hpp"
#include "control/namespaces.hpp"
#include "control/orphans.hpp"

namespace entropy::control {

namespace {

constexpr std::size_t most_forecast_rows = 1000;

// Those that the policy has stopped, and will start again.
std::vector<const ObservedContainer*> stopped_by(const policy::Policy& policy, const Plan& plan, const Index& index) {
  std::vector<const ObservedContainer*> stopped;
  const auto is_stop = [](const auto& failure) { return std::holds_alternative<failure::Stop>(failure); };
  if (std::ranges::none_of(policy.container_failures, is_stop)) return stopped;
  for (const auto& container : index.observed().down) {
    const auto is_it = [&](const TargetState& target) {
      return target.endpoint == container.endpoint && target.id == container.container.id;
    };
    if (std::ranges::any_of(plan.matches.at(policy.name).down, is_it)) stopped.push_back(&container);
  }
  return stopped;
}

// The windows to come of one policy for the targets that it has today, under the names that the history of faults has,
// each once: tasks of one slot may be there side by side for a while, and of those who share a network the first one's
// dice count.
class Forecast {
 public:
  Forecast(const policy::Policy& policy, const Plan& plan, const Index& index) : policy_(policy), picks_(plan.picks) {
    FirstOfNamespace is_first(index);
    for (const auto& target : plan.matches.at(policy.name).targets) {
      const auto* container = index.find(target.endpoint, target.id);
      const bool of_network = container != nullptr && policy.container_failures.empty();
      if (of_network && !is_first(*container)) continue;
      targets_.emplace(target.endpoint, container == nullptr ? target.name : schedule_name(container->container));
    }
    for (const auto* container : stopped_by(policy, plan, index))
      targets_.emplace(container->endpoint, schedule_name(container->container));
  }

  // Of all targets together, up to `most`.
  std::vector<ForecastRow> first(Time from, Time until, std::size_t most) {
    std::vector<ForecastRow> rows;
    for (const auto& target : targets_) {
      append_of(target, rows, from, until, most);
      if (rows.size() < 2 * most) continue;
      keep_first(rows, most);
      until = rows.back().window.begin + Duration(1);
    }
    keep_first(rows, most);
    return rows;
  }

  // At most `limit` rows in all, and `of_each` of every target.
  void append(std::vector<ForecastRow>& rows, Time from, Time until, std::size_t limit, std::size_t of_each) {
    for (const auto& target : targets_) {
      if (rows.size() >= limit) break;
      append_of(target, rows, from, until, std::min(of_each, limit - rows.size()));
    }
  }

  static void keep_first(std::vector<ForecastRow>& rows, std::size_t most) {
    const auto order = [](const ForecastRow& row) { return std::tie(row.window.begin, row.policy, row.target); };
    std::ranges::sort(rows, {}, order);
    if (rows.size() > most) rows.resize(most);
  }

 private:
  using Target = std::pair<std::string, std::string>;  // endpoint and name

  void append_of(const Target& target, std::vector<ForecastRow>& rows, Time from, Time until, std::size_t most) {
    const auto& [endpoint, name] = target;
    const auto part = [&](std::uint64_t window) { return takes_part(name, window); };
    for (const auto& window : policy::hits_between(policy_.schedule, policy_.name, name, from, until, most, part)) {
      if (policy::is_instant(policy_) && window.begin < from) continue;  // it is over
      rows.push_back({policy_.name, name, endpoint, window});
    }
  }
  // Whatever the service's limits say.
  bool takes_part(const std::string& name, std::uint64_t window) {
    if (policy_.pick.all()) return true;
    if (const auto decided = picks_.find(policy_.name); decided != picks_.end()) {
      const auto names = decided->second.windows.find(window);
      if (names != decided->second.windows.end()) return names->second.contains(name);
    }
    auto [at, is_new] = foreseen_.try_emplace(window);
    if (is_new) {
      std::set<std::string> names;
      for (const auto& target : targets_) names.insert(target.second);
      at->second = policy::picked(policy_.pick, policy_.schedule.seed, policy_.name, window, names);
    }
    return at->second.contains(name);
  }

  const policy::Policy& policy_;
  const Picks& picks_;
  std::set<Target> targets_;
  std::map<std::uint64_t, std::set<std::string>> foreseen_;
};

// As the limits will have it if the containers of today stay as they are: what never gets room is left out.
void apply_limits(std::vector<ForecastRow>& rows, const Desired& desired, const Plan& plan, const Index& index,
                  Time now) {
  using Key = std::tuple<std::string, std::string, std::uint64_t>;  // policy, name, window
  Places places(index, desired.rules.limits);
  std::map<std::string, std::map<std::string, Claim>> by_policy;
  std::map<Key, Claim> claims;
  for (const auto& row : rows) {
    const auto record =
        std::ranges::find(desired.policies, row.policy, [](const auto& each) { return each.policy.name; });
    const auto [known, is_new] = by_policy.try_emplace(row.policy);
    if (is_new) {
      auto containers = stopped_by(record->policy, plan, index);
      for (const auto& target : plan.matches.at(row.policy).targets) {
        if (const auto* container = index.find(target.endpoint, target.id)) containers.push_back(container);
      }
      known->second = claims_of(record->policy, containers, index, places);
    }
    const auto claim = known->second.find(row.target);
    if (claim == known->second.end()) continue;  // its namespace rolls another one's dice
    Claim made = claim_on(claim->second, record->policy, row.window);
    if (made.begin <= now && was_let_in(plan.picks, record->policy, row.target, row.window.index))
      made.standing = Claim::Standing::in;
    claims.emplace(Key(row.policy, row.target, row.window.index), std::move(made));
  }
  std::vector<Claim> all;
  all.reserve(claims.size());
  for (auto& [key, claim] : claims) all.push_back(std::move(claim));
  admit(desired.rules.limits, all, now);
  std::set<Key> let_in;
  for (const auto& claim : all) {
    if (claim.let_in) let_in.emplace(claim.policy, claim.name, claim.window);
  }
  std::erase_if(rows,
                [&](const ForecastRow& row) { return !let_in.contains({row.policy, row.target, row.window.index}); });
}

}  // namespace

Result<InjectorView> Manager::injector(std::string_view id) const {
  std::vector<InjectorView> found;
  for (auto& view : injectors()) {
    if (view.id == id || view.name == id) return std::move(view);
    if (!id.empty() && view.id.starts_with(id)) found.push_back(std::move(view));
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.empty()) {
    return fail(ErrorCode::not_found, concat("no injector ", quoted(id), " (entropy lsi shows those there are)"));
  }
  return fail(ErrorCode::conflict, concat(quoted(id), " is the beginning of ", found.size(), " injectors' ids"));
}

Task<> Manager::injector_logs(std::string id, bool follow, std::size_t tail,
                              std::function<bool(std::string_view)> sink) {
  const auto view = injector(id);
  if (!view) co_return fail(view.error());
  Endpoint& where = *reconciler_.endpoint(view->endpoint);
  co_return co_await where.engine().logs(view->id, follow, tail, std::move(sink));
}

Task<> Manager::act_on_injector(std::string id, InjectorAction action, Caller by) {
  const auto view = injector(id);
  if (!view) co_return fail(view.error());
  constexpr std::array<std::string_view, 3> words = {"injector.restart", "injector.pause", "injector.unpause"};
  tell(std::string(words.at(static_cast<std::size_t>(action))), "", by, {{"injector", view->name}});
  if (action == InjectorAction::restart) {
    co_await reconciler_.restart(view->id);
    co_return Result<>();
  }
  if (reconciler_.customs().knows(view->id)) {
    co_return fail(ErrorCode::conflict,
                   concat(view->name, " is of a custom image, which can't be paused: stop its policy instead"));
  }
  const bool pause = action == InjectorAction::pause;
  reconciler_.pause(view->id, pause);
  const auto deadline = timing_.elapsed() + std::chrono::seconds(5);
  while (timing_.elapsed() < deadline) {
    const auto now = injector(view->id);
    if (!now) co_return fail(now.error());
    if ((now->state == InjectorState::paused) == pause) co_return Result<>();
    co_await reconciler_.changed().wait_next(std::chrono::seconds(1));
  }
  co_return fail(ErrorCode::timeout, concat("the injector ", view->name, " does not answer"));
}

Result<std::vector<FaultRecord>> Manager::faults(const FaultQuery& query) const {
  auto records = store_.faults(query);
  if (!records) return records;
  for (auto& record : *records) {
    if (record.outcome == store::Outcome::active) record = journal_.up_to_date(std::move(record));
  }
  return records;
}

std::vector<TargetState> Manager::targets(const std::optional<policy::Selector>& selector,
                                          const std::vector<std::string>& failures) const {
  const Observed observed = reconciler_.observe();
  const Index index(observed);
  std::vector<TargetState> states;
  for (const auto& container : observed.containers) {
    TargetState state = target_state(container);
    state.labels.insert(container.container.labels.begin(), container.container.labels.end());
    auto reason = excluded(desired_.rules, index, container);
    if (selector) {
      if (auto failed = selector->first_failed(subject_of(container))) reason = std::move(failed);
    }
    if (!reason) reason = forbidden_failure(index, container, failures);
    if (const auto allowed = state.labels.find(std::string(label::allow)); !reason && allowed != state.labels.end())
      state.reason = concat("for ", allowed->second, " alone (its label entropy.allow)");
    if (reason) {
      state.matched = false;
      state.reason = *reason;
    }
    states.push_back(std::move(state));
  }
  return states;
}

std::vector<EndpointView> Manager::endpoints() const {
  std::vector<EndpointView> views;
  const auto injectors = reconciler_.injectors();
  for (const auto& endpoint : reconciler_.endpoints()) {
    EndpointView view;
    view.endpoint = endpoint->name();
    view.up = !endpoint->lost();
    view.message = endpoint->lost().value_or(reconciler_.note_on(*endpoint));
    view.services = endpoint->services().size();
    if (const auto& info = endpoint->info()) {
      view.name = info->name;
      view.server_version = info->server_version;
      view.api_version = info->api_version;
      view.operating_system = info->operating_system;
      view.kernel_version = info->kernel_version;
      view.architecture = info->architecture;
      view.swarm = swarm_role(info->swarm);
    }
    view.containers = static_cast<std::uint64_t>(
        std::ranges::count_if(endpoint->containers(), [](const auto& entry) { return entry.second.up; }));
    for (const auto& injector : injectors) {
      if (injector.endpoint != view.endpoint || injector.backend == "none") continue;
      if (std::ranges::find(view.backends, injector.backend) == view.backends.end()) {
        view.backends.push_back(injector.backend);
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

boost::asio::awaitable<void> Manager::wait_asked() {
  constexpr Duration longest = std::chrono::seconds(5);
  const auto deadline = timing_.elapsed() + longest;
  const auto is_asked = [](const auto& endpoint) { return endpoint->asked(); };
  while (!std::ranges::all_of(reconciler_.endpoints(), is_asked) && timing_.elapsed() < deadline) {
    co_await reconciler_.changed().wait_next(deadline - timing_.elapsed());
  }
}

Task<std::vector<EndpointView>> Manager::examine_endpoints() {
  co_await wait_asked();
  auto views = endpoints();
  for (auto& view : views) {
    if (!view.up) continue;
    const auto examined = co_await reconciler_.examine(*reconciler_.endpoint(view.endpoint));
    if (!examined) co_return fail(context(concat("examining ", view.endpoint), examined.error()));
    for (const auto& each : *examined) view.examined.push_back({each.backend, each.missing});
    const auto others = co_await look_at_others(*reconciler_.endpoint(view.endpoint), options_.manager_id, clock_);
    if (!others) co_return fail(context(concat("examining ", view.endpoint), others.error()));
    std::map<std::string, OthersView> by_manager;
    for (const auto& each : *others) {
      OthersView& other = by_manager[each.manager];
      other.manager = each.manager;
      ++other.containers;
      if (each.orphan) other.orphans.push_back(each.name);
    }
    for (auto& [manager, other] : by_manager) view.others.push_back(std::move(other));
  }
  co_return views;
}

Task<std::vector<CleanedView>> Manager::clean_endpoints(Caller by) {
  co_await wait_asked();
  std::vector<CleanedView> views;
  for (const auto& endpoint : reconciler_.endpoints()) {
    if (endpoint->lost()) continue;
    CleanedView view{endpoint->name(), {}, {}};
    const auto others = co_await look_at_others(*endpoint, options_.manager_id, clock_);
    if (!others) co_return fail(context(concat("looking at ", view.endpoint), others.error()));
    for (const auto& each : *others) {
      if (!each.orphan) continue;
      const auto removed = co_await endpoint->engine().remove_container(each.id);
      if (!removed && removed.error().code != ErrorCode::not_found) {
        view.failed.push_back(concat(each.name, ": ", removed.error().message));
        continue;
      }
      endpoint->forget(each.id);
      metrics_.orphan_removed();
      view.removed.push_back(each.name);
      tell("injector.removed", "", by,
           {{"injector", each.id}, {"message", concat("nobody served it any more (of manager ", each.manager, ")")}});
    }
    views.push_back(std::move(view));
  }
  co_return views;
}

ServiceInfo Manager::info() const {
  ServiceInfo info;
  info.manager_id = options_.manager_id;
  info.version = version;
  info.policies = desired_.policies.size();
  for (const auto& injector : injectors()) {
    ++info.injectors;
    info.active_faults += injector.active.size();
  }
  info.active_faults += reconciler_.acts().active();
  info.halt = halt_state();
  info.endpoints = endpoints();
  if (const auto trouble = store_.trouble(); !trouble.empty())
    info.message = concat("changes and history are not kept: ", trouble);
  return info;
}

Result<Preview> Manager::preview(const policy::Draft& draft) const {
  constexpr std::size_t windows_of_each = 5;
  policy::Record record{draft.policy, 0, clock_.now(), clock_.now()};
  if (record.policy.name.empty()) record.policy.name = "preview";
  record.policy.schedule.epoch = clock_.now();
  Desired alone{{record}, false, desired_.rules};
  Observed observed = reconciler_.observe();
  observed.picks.clear();  // of others
  const Index index(observed);
  const Plan plan = control::plan(alone, index, clock_.now());
  const Match& match = plan.matches.at(record.policy.name);
  Preview preview{match.targets, match.skipped, {}};
  Forecast(record.policy, plan, index)
      .append(preview.windows, clock_.now(), policy::never, most_forecast_rows, windows_of_each);
  return preview;
}

std::vector<ForecastRow> Manager::forecast(std::string_view policy, Time until) const {
  const Observed observed = reconciler_.observe();
  const Index index(observed);
  const Plan plan = control::plan(desired_, index, clock_.now());
  std::vector<ForecastRow> rows;
  const Time now = clock_.now();
  const bool limited = desired_.rules.limits.any();
  for (const auto& record : desired_.policies) {
    const bool asked = policy.empty() || record.policy.name == policy;
    if (!policy::is_on(record) || (!asked && !limited)) continue;
    auto more = Forecast(record.policy, plan, index).first(now, until, most_forecast_rows);
    std::ranges::move(more, std::back_inserter(rows));
  }
  if (limited) {
    apply_limits(rows, desired_, plan, index, now);
    std::erase_if(rows, [&](const ForecastRow& row) { return !policy.empty() && row.policy != policy; });
  }
  Forecast::keep_first(rows, most_forecast_rows);
  return rows;
}

}  // namespace entropy::control

#include "control/custom_injectors.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/log.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration header_time = 1s;  // an image that has not begun a header by then has none
constexpr Duration first_backoff = 1s;
constexpr Duration longest_backoff = 30s;
constexpr Duration until_change = 1h;  // for a refusal in a window without an end
constexpr std::size_t parallel_creates = 4;

CustomPlace place_of(const std::string& endpoint, const docker::Container& container) {
  return {endpoint, label_of(container, label::policy), label_of(container, label::target)};
}

}  // namespace

Endpoint& CustomInjectors::endpoint(const std::string& name) const { return *find_endpoint(context_.endpoints, name); }

CustomInjectors::Run* CustomInjectors::find(const std::string& id) {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : &found->second;
}

CustomInjectors::Run& CustomInjectors::known(const std::string& endpoint_name, const std::string& id) {
  if (auto* run = find(id)) return *run;
  const auto& containers = endpoint(endpoint_name).containers();
  const docker::Container& container = containers.at(id).container();
  Run run{endpoint_name, label_of(container, label::target), "", content_of(label_of(container, label::run)),
          fault_from(container)};
  const auto target = containers.find(run.target_id);
  if (target != containers.end()) run.target_name = target->second.container().name;
  return runs_.emplace(id, std::move(run)).first->second;
}

void CustomInjectors::observe(Observed& observed, const Endpoint& where, const CachedContainer& container) const {
  ObservedCustom custom = custom_from(where.name(), container.container());
  custom.running = container.up;
  if (const auto found = runs_.find(custom.id); found != runs_.end()) {
    const Run& run = found->second;
    custom.followed = run.followed;
    custom.said = run.said;
    custom.ended = run.ended;
    custom.failed = run.failed;
    custom.ending = run.ending;
    custom.message = run.message;
    if (run.active) custom.active = run.fault;
  }
  observed.customs.push_back(std::move(custom));
}

void CustomInjectors::forget_troubles(std::string_view policy) {
  std::erase_if(troubles_, [&](const auto& entry) { return entry.first.first == policy; });
}

// Somebody else has removed the container.
void CustomInjectors::drop_lost_runs() {
  std::erase_if(runs_, [&](const auto& entry) {
    const auto& [id, run] = entry;
    const Endpoint& where = endpoint(run.endpoint);
    if (where.lost() || where.containers().contains(id)) return false;
    if (busy_.contains({run.endpoint, run.fault.policy, run.target_id})) return false;
    context_.journal.gone(id, "its container was removed");
    return true;
  });
}

void CustomInjectors::look(const std::vector<policy::Record>& policies) {
  drop_lost_runs();
  const Time now = context_.clock.now();
  for (auto& [id, run] : runs_) {
    const bool silent = run.followed && !run.said && !run.has_header && !run.reader.in_header();
    if (silent && now >= run.followed_at + header_time) begin(id, run, "it runs, without a header");
  }
  std::erase_if(troubles_, [&](const auto& entry) {
    const auto& [policy, target] = entry.first;
    return std::ranges::none_of(policies, [&](const auto& each) { return each.policy.name == policy; }) ||
           std::ranges::none_of(context_.endpoints, [&](const auto& where) { return where->may_have(target); });
  });
}

void CustomInjectors::clock_was_set(Time now) {
  for (auto& [id, run] : runs_) run.followed_at = now;
  for (auto& [place, trouble] : troubles_) trouble.retry_at = now;
}

Time CustomInjectors::next_look(Time now) const {
  Time next = policy::never;
  for (const auto& [id, run] : runs_) {
    if (run.followed && !run.said && !run.has_header) next = std::min(next, run.followed_at + header_time);
  }
  for (const auto& [place, trouble] : troubles_) {
    if (trouble.retry_at > now) next = std::min(next, trouble.retry_at);
  }
  return next == policy::never ? next : std::max(next, now + 50ms);
}

std::size_t CustomInjectors::being_made(const std::string& endpoint_name) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      busy_, [&](const auto& entry) { return entry.second.creating && std::get<0>(entry.first) == endpoint_name; }));
}

bool CustomInjectors::occupy(const CustomPlace& place, bool creating) {
  return busy_.try_emplace(place, Busy{std::get<1>(place), creating}).second;
}

void CustomInjectors::start(const CustomAction& action) {
  if (const auto* make = std::get_if<CreateCustom>(&action)) {
    const auto creating = std::ranges::count_if(busy_, [](const auto& entry) { return entry.second.creating; });
    if (creating >= static_cast<std::ptrdiff_t>(parallel_creates)) return;
    if (!occupy({make->run.endpoint, make->run.fault.policy, make->run.target_id}, true)) return;
    return spawn(context_.timing.executor(), "creating a custom injector", create(make->run));
  }
  const auto& [where, id] = std::visit(
      []<class A>(const A& each) -> std::pair<std::string, std::string> {
        if constexpr (std::is_same_v<A, CreateCustom>)
          return {};
        else
          return {each.endpoint, each.id};
      },
      action);
  const auto container = endpoint(where).containers().find(id);
  if (container == endpoint(where).containers().end()) return;
  const CustomPlace place = place_of(where, container->second.container());
  if (busy_.contains(place)) return;
  if (std::holds_alternative<FollowCustom>(action)) {
    Run& run = known(where, id);
    if (run.followed) return;
    run.followed = true;
    run.followed_at = context_.clock.now();
    return spawn(context_.timing.executor(), "following a custom injector", follow(where, id));
  }
  occupy(place, false);
  if (const auto* end = std::get_if<StopCustom>(&action)) {
    log::info("{}: ending custom injector {}: {}", where, container->second.container().name, end->reason);
    spawn(context_.timing.executor(), "ending a custom injector", stop(where, id));
  } else {
    spawn(context_.timing.executor(), "removing a custom injector", remove(where, id));
  }
}

std::optional<std::string> CustomInjectors::on_its_way(std::string_view policy) const {
  for (const auto& [place, busy] : busy_) {
    if (!busy.creating || (!policy.empty() && busy.policy != policy)) continue;
    return concat("an injector for ", std::get<2>(place).substr(0, 12), " is on its way");
  }
  return std::nullopt;
}

void CustomInjectors::hear(const std::string& id, std::string_view bytes) {
  Run* run = find(id);
  if (run == nullptr || run->ended) return;
  run->reader.feed(bytes, [&](const program::CustomOutput& output) {
    if (const auto* header = std::get_if<program::CustomHeader>(&output)) return on_header(id, *run, *header);
    on_line(id, *run, std::get<program::CustomLine>(output));
  });
}

void CustomInjectors::on_header(const std::string& id, Run& run, const program::CustomHeader& header) {
  if (std::exchange(run.has_header, true)) return;  // read once more
  if (!header.malformed.empty()) return give_up(id, run, concat("its header is not well-formed: ", header.malformed));
  if (header.validation_errors.empty()) {
    if (header.started) begin(id, run, "");
    return;
  }
  std::vector<std::string> errors;
  errors.reserve(header.validation_errors.size());
  for (const auto& [field, message] : header.validation_errors) {
    errors.push_back(field.empty() ? message : concat(field, ": ", message));
  }
  // The same words would get the same answer in the same window.
  const Time end = run.fault.planned_end;
  give_up(id, run, join(errors, "; "), end == policy::never ? context_.clock.now() + until_change : end);
}

void CustomInjectors::on_line(const std::string& id, Run& run, const program::CustomLine& line) {
  using Kind = program::CustomLine::Kind;
  constexpr std::size_t most_words = 3;
  constexpr std::size_t longest_word = 200;
  if (line.kind == Kind::started) return begin(id, run, line.text);
  if (line.kind == Kind::ended) return end(id, run, line.text);
  log::debug("custom injector {}: {}", id.substr(0, 12), line.text);
  run.last_words.push_back(line.text.substr(0, longest_word));
  if (run.last_words.size() > most_words) run.last_words.pop_front();
}

void CustomInjectors::begin(const std::string& id, Run& run, const std::string& words) {
  if (run.active || run.failed || run.ended) return;
  const Journal::Source source{run.endpoint, id};
  run.fault.started = context_.journal.left_open_since(run.endpoint, run.fault).value_or(context_.clock.now());
  run.active = true;
  context_.journal.started(source, {run.fault, words});
  if (!std::exchange(run.said, true)) event("injector.ready", id, run);
  const auto trouble = troubles_.find({run.fault.policy, run.target_id});
  if (trouble != troubles_.end()) trouble->second.message.clear();  // its delay stays, should this one fail as well
  context_.wake();
}

void CustomInjectors::end(const std::string& id, Run& run, const std::string& words) {
  if (!std::exchange(run.active, false)) return;
  const bool complete = context_.clock.now() >= run.fault.planned_end;
  context_.journal.finished({run.endpoint, id}, run.fault,
                            complete ? store::Outcome::completed : store::Outcome::cut_short, words);
  context_.wake();
}

void CustomInjectors::give_up(const std::string& id, Run& run, std::string message, Time not_before) {
  if (std::exchange(run.failed, true)) return;
  run.said = true;
  run.message = message;
  log::warn("custom injector of {} for {}: {}", run.fault.policy, run.target_name, message);
  if (std::exchange(run.active, false)) {
    context_.journal.finished({run.endpoint, id}, run.fault, store::Outcome::failed, message);
  } else {
    context_.journal.failed({run.endpoint, id}, {run.fault, message});
  }
  event("injector.failed", id, run, message);
  note_trouble({run.endpoint, run.fault.policy, run.target_id}, run.content, std::move(message), not_before);
}

void CustomInjectors::note_trouble(const CustomPlace& place, std::string content, std::string message,
                                   Time not_before) {
  const Time now = context_.clock.now();
  CustomTrouble& trouble = troubles_[{std::get<1>(place), std::get<2>(place)}];
  if (trouble.content != content) trouble = {};
  trouble.content = std::move(content);
  trouble.message = std::move(message);
  trouble.delay = std::clamp(trouble.delay * 2, first_backoff, longest_backoff);
  trouble.retry_at = std::max(now + trouble.delay, not_before);
  context_.wake();
}

void CustomInjectors::event(std::string type, const std::string& id, const Run& run, std::string message) {
  Event event;
  event.type = std::move(type);
  event.policy = run.fault.policy;
  event.target = run.target_name;
  event.endpoint = run.endpoint;
  event.data["injector"] = id;
  if (!message.empty()) event.data["message"] = std::move(message);
  context_.journal.event(std::move(event));
}

std::vector<ObservedCustom> CustomInjectors::all() const {
  Observed observed;
  for (const auto& where : context_.endpoints) {
    for (const auto& [id, cached] : where->containers()) {
      const bool ours = label_of(cached.container(), label::manager) == context_.manager_id;
      if (ours && is_custom(cached.container())) observe(observed, *where, cached);
    }
  }
  return std::move(observed.customs);
}

InjectorView view_of(const ObservedCustom& custom) {
  InjectorView view;
  view.id = custom.id;
  view.name = custom.name;
  view.endpoint = custom.endpoint;
  view.target_id = custom.target_id;
  view.policies = {custom.policy};
  view.message = custom.message;
  if (custom.active) {
    view.active.push_back(
        {custom.active->policy, custom.active->failure, custom.active->window, custom.active->started});
  }
  if (custom.ended && !custom.failed && !custom.ending) view.message = "it has ended by itself";
  if (custom.failed)
    view.state = InjectorState::failed;
  else if (custom.ended || custom.ending || !custom.running)
    view.state = InjectorState::removing;
  else
    view.state = custom.said ? InjectorState::running : InjectorState::starting;
  return view;
}

}  // namespace entropy::control

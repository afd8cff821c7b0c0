#include "control/orphans.hpp"

#include "control/end_of_log.hpp"
#include "control/labels.hpp"

namespace entropy::control {
namespace {

using namespace std::chrono_literals;

constexpr Duration removal_time = 2min;  // for a service to remove what has ended, or to start what it has created
constexpr Duration longest_trial = 10min;
constexpr Duration longest_run = 1h;  // of a custom image, see custom_plan.cpp

// What an injector has said last of its lease; a service that lives renews it all the time, and each renewal is
// answered.
bool is_forsaken(std::string_view log) {
  bool forsaken = false;
  for (const auto& report : reports_in(log)) {
    if (std::holds_alternative<program::Alive>(report)) forsaken = false;
    if (const auto* state = std::get_if<program::State>(&report)) forsaken = !state->leased;
  }
  return forsaken;
}

// What is on its way out has no log to read any more.
bool is_going(const docker::Container& container) { return container.state == "removing" || container.state == "dead"; }

bool has_gone(const Error& error) { return error.code == ErrorCode::not_found || error.code == ErrorCode::conflict; }

bool concerns(const docker::Container& container, const std::string& manager_id) {
  if (!is_of_ours(container)) return false;
  return !is_injector(container) || label_of(container, label::manager) != manager_id;
}

}  // namespace

bool is_orphan(const docker::ContainerDetails& details, std::string_view log, Time now) {
  const docker::Container& container = details.container;
  const bool running = container.state == "running" || container.state == "paused";
  const Duration age = details.created ? now - *details.created : Duration::zero();
  if (!is_injector(container)) return age > longest_trial;
  if (!running) return age > removal_time;
  if (!is_custom(container)) return is_forsaken(log);
  const Time end = fault_from(container).planned_end;
  return end == policy::never ? age > longest_run + removal_time : now > end + removal_time;
}

docker::Task<std::vector<OthersContainer>> look_at_others(Endpoint& where, std::string manager_id, const Clock& clock) {
  constexpr std::size_t last_lines = 5;
  std::vector<docker::Container> found;
  for (const auto& [id, cached] : where.containers()) {
    if (concerns(cached.container(), manager_id)) found.push_back(cached.container());
  }
  std::vector<OthersContainer> others;
  for (const auto& container : found) {
    const auto details = co_await where.engine().inspect_container(container.id);
    if (!details && has_gone(details.error())) continue;
    if (!details) co_return fail(details.error());
    if (is_going(details->container)) continue;
    const auto log = co_await end_of_log(where.engine(), container.id, last_lines);
    if (!log && has_gone(log.error())) continue;
    if (!log) co_return fail(log.error());
    others.push_back(
        {container.id, container.name, label_of(container, label::manager), is_orphan(*details, *log, clock.now())});
  }
  co_return others;
}

}  // namespace entropy::control

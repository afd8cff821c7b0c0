// What the service does about `stop_when` and `start_when`.

#include "base/text.hpp"
#include "control/log.hpp"
#include "control/manager.hpp"
#include "control/namespaces.hpp"

namespace entropy::control {

Result<> Manager::check_conditions(const policy::Policy& policy) const {
  if (guard_.asks_addresses()) return {};
  std::vector<FieldError> errors;
  const auto check = [&](std::string_view field, const std::vector<policy::Condition>& conditions) {
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      if (policy::pace_of(conditions[i]) == nullptr) continue;
      errors.push_back({concat(field, ".", i), "this service asks no addresses (entropy manage --no-probes)"});
    }
  };
  check("start_when", policy.start_when);
  check("stop_when", policy.stop_when);
  if (errors.empty()) return {};
  return fail(Error{ErrorCode::invalid, concat(errors.front().field, ": ", errors.front().message), std::move(errors)});
}

void Manager::review(const Index& index, Time now) {
  std::erase_if(unsaved_, [&](const std::string& name) {
    const auto* record = find(name);
    return record == nullptr || store_.put_policy(*record).has_value();
  });
  missed_ends_.look(desired_, index, reconciler_.endpoints());
  for (const auto& verdict : guard_.review(desired_, index, now)) {
    auto* record = find(verdict.policy);
    if (verdict.stop) {
      stop_by_condition(*record, verdict, now);
    } else {
      begin_held(*record, now);
    }
  }
}

void Manager::stop_by_condition(policy::Record& record, const Guard::Verdict& verdict, Time now) {
  log::warn("{}: stopped by its stop_when, {}: {}", verdict.policy, verdict.condition, verdict.evidence);
  record.stopped = policy::Stop{now, verdict.condition, verdict.evidence};
  const auto stored =
      mark_stopped(record, {"stop_when", ""}, {{"condition", verdict.condition}, {"evidence", verdict.evidence}});
  if (stored) return;
  log::error("{}: stopped now, but not over a restart of the service: {}", verdict.policy, stored.error().message);
}

void Manager::begin_held(const policy::Record& record, Time now) {
  policy::Record begun = record;
  begun.held = false;
  begun.policy.schedule.epoch = now;
  begun.updated = now;
  ++begun.revision;
  const auto saved = save(std::move(begun), "policy.started", {"start_when", ""});
  if (!saved) log::error("{}: it could begin, but for this: {}", record.policy.name, saved.error().message);
}

}  // namespace entropy::control

#include "api/views_json.hpp"

#include "policy/custom_json.hpp"

namespace entropy::api {
namespace {

namespace json = boost::json;

json::value time_or_null(const std::optional<Time>& time) {
  if (!time || *time == policy::never) return nullptr;
  return json::value(to_rfc3339(*time));
}

json::array texts(const std::vector<std::string>& values) { return json::array(values.begin(), values.end()); }

json::object to_json(const control::ConditionView& view) {
  return {{"list", view.stop ? "stop_when" : "start_when"},
          {"condition", view.condition},
          {"holds", view.holds},
          {"evidence", view.evidence}};
}

json::value to_json(const std::optional<policy::Stop>& stop) {
  if (!stop) return nullptr;
  return json::object{{"at", to_rfc3339(stop->at)}, {"condition", stop->condition}, {"evidence", stop->evidence}};
}

json::object to_json(const control::PolicyStatus& status) {
  json::array conditions;
  for (const auto& each : status.conditions) conditions.push_back(to_json(each));
  return {{"phase", to_string(status.phase)},
          {"message", status.message},
          {"targets", status.targets},
          {"injectors", status.injectors},
          {"active", status.active},
          {"missed", status.missed},
          {"next_window", time_or_null(status.next_window)},
          {"conditions", std::move(conditions)},
          {"stopped", to_json(status.stopped)}};
}

json::object to_json(const control::ActiveFault& fault) {
  return {{"policy", fault.policy},
          {"failure", fault.failure},
          {"window", fault.window},
          {"since", to_rfc3339(fault.since)}};
}

}  // namespace

json::object to_json(const control::PolicyView& view) {
  json::object object = policy::to_json(view.record.policy);
  object["revision"] = view.record.revision;
  object["epoch"] = to_rfc3339(view.record.policy.schedule.epoch);
  object["created"] = to_rfc3339(view.record.created);
  object["updated"] = to_rfc3339(view.record.updated);
  object["status"] = to_json(view.status);
  json::array acts;
  for (const auto& each : view.acts) {
    acts.push_back(to_json(each));
    acts.back().get_object()["target"] = each.target;
  }
  object["acts"] = std::move(acts);
  return object;
}

json::object to_json_in_detail(const control::PolicyView& view) {
  json::object object = to_json(view);
  json::array targets;
  for (const auto& each : view.targets) {
    targets.push_back({{"id", each.id},
                       {"name", each.name},
                       {"endpoint", each.endpoint},
                       {"state", each.state},
                       {"service", each.service},
                       {"project", each.project},
                       {"reason", each.reason},
                       {"effects", texts(each.effects)}});
  }
  object["targets"] = std::move(targets);
  object["skipped"] = to_json(view.skipped);
  return object;
}

json::object to_json(const control::InjectorView& view) {
  json::array active;
  for (const auto& each : view.active) active.push_back(to_json(each));
  return {{"id", view.id},
          {"name", view.name},
          {"endpoint", view.endpoint},
          {"target", {{"id", view.target_id}, {"name", view.target_name}}},
          {"policies", texts(view.policies)},
          {"state", to_string(view.state)},
          {"backend", view.backend},
          {"active", std::move(active)},
          {"effects", texts(view.effects)},
          {"message", view.message}};
}

json::object to_json(const control::TargetState& state) {
  json::object labels;
  for (const auto& [key, text] : state.labels) labels[key] = text;
  return {{"id", state.id},           {"name", state.name},         {"endpoint", state.endpoint},
          {"service", state.service}, {"project", state.project},   {"matched", state.matched},
          {"reason", state.reason},   {"labels", std::move(labels)}};
}

json::object to_json(const control::EndpointView& view) {
  json::array examined;
  for (const auto& each : view.examined) {
    examined.push_back(
        json::object{{"backend", each.backend}, {"works", each.missing.empty()}, {"message", each.missing}});
  }
  json::array others;
  for (const auto& each : view.others) {
    others.push_back(
        json::object{{"manager", each.manager}, {"containers", each.containers}, {"orphans", texts(each.orphans)}});
  }
  return {{"endpoint", view.endpoint},
          {"up", view.up},
          {"message", view.message},
          {"name", view.name},
          {"server_version", view.server_version},
          {"api_version", view.api_version},
          {"operating_system", view.operating_system},
          {"kernel_version", view.kernel_version},
          {"architecture", view.architecture},
          {"swarm", view.swarm},
          {"services", view.services},
          {"containers", view.containers},
          {"backends", texts(view.backends)},
          {"examined", std::move(examined)},
          {"others", std::move(others)}};
}

json::object to_json(const control::CleanedView& view) {
  return {{"endpoint", view.endpoint}, {"removed", texts(view.removed)}, {"failed", texts(view.failed)}};
}

json::object to_json(const control::HaltView& view) {
  return {{"halted", view.halted}, {"reason", view.reason}, {"since", time_or_null(view.since)}};
}

json::object to_json(const control::FaultRecord& record) {
  return {{"policy", record.policy},
          {"target", record.target},
          {"endpoint", record.endpoint},
          {"failure", record.failure},
          {"window", record.window},
          {"planned_start", to_rfc3339(record.planned_start)},
          {"planned_end", time_or_null(record.planned_end)},
          {"started", time_or_null(record.started)},
          {"ended", time_or_null(record.ended)},
          {"outcome", to_string(record.outcome)},
          {"packets", record.packets},
          {"measured", record.measured.empty() ? json::value() : json::parse(record.measured)},
          {"message", record.message}};
}

json::object to_json(const control::AuditRecord& record) {
  return {{"id", record.id},
          {"time", to_rfc3339(record.time)},
          {"by", record.caller.by},
          {"from", record.caller.from},
          {"method", record.method},
          {"path", record.path},
          {"status", record.status == 0 ? json::value() : json::value(record.status)}};
}

json::object to_json(const control::ForecastRow& row) {
  return {{"policy", row.policy},
          {"target", row.target},
          {"endpoint", row.endpoint},
          {"window", row.window.index},
          {"planned_start", to_rfc3339(row.window.begin)},
          {"planned_end", time_or_null(row.window.end)}};
}

json::object to_json(const control::Preview& preview) {
  return {{"matched", to_json(preview.matched)},
          {"skipped", to_json(preview.skipped)},
          {"windows", to_json(preview.windows)}};
}

json::object to_json(const control::ServiceInfo& info) {
  return {{"manager_id", info.manager_id},
          {"version", info.version},
          {"policies", info.policies},
          {"injectors", info.injectors},
          {"active_faults", info.active_faults},
          {"halt", to_json(info.halt)},
          {"endpoints", to_json(info.endpoints)},
          {"message", info.message}};
}

json::object to_json(const control::TrialView& view) {
  using Verdict = control::TrialRule::Verdict;
  json::array rules;
  bool passed = true;
  for (const auto& [rule, verdict, message] : view.rules) {
    passed &= verdict != Verdict::fail;
    const char* word = verdict == Verdict::pass ? "pass" : verdict == Verdict::note ? "note" : "fail";
    rules.push_back(json::object{{"rule", rule}, {"verdict", word}, {"message", message}});
  }
  return {{"image", view.custom.image},
          {"failure", policy::custom_failure_json(view.custom)},
          {"passed", passed},
          {"rules", std::move(rules)}};
}

json::object to_json(const control::Event& event) {
  json::object object{{"id", event.id}, {"time", to_rfc3339(event.time)}, {"type", event.type}};
  if (!event.policy.empty()) object["policy"] = event.policy;
  if (!event.target.empty()) object["target"] = event.target;
  if (!event.endpoint.empty()) object["endpoint"] = event.endpoint;
  object["data"] = event.data;
  return object;
}

Response json_response(const json::value& value, unsigned status) {
  return {status, "application/json", policy::print_json(value) + "\n"};
}

}  // namespace entropy::api

// faults --timeline.
#include <map>
#include <ostream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/changes.hpp"
#include "cli/fields.hpp"
#include "cli/timeline.hpp"
#include "cli/timeline_command.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

using Lanes = std::map<std::pair<std::string, std::string>, Lane>;

Result<Duration> read_length(std::string_view option, const std::string& text) {
  constexpr Duration by_default = std::chrono::minutes(5);
  if (text.empty()) return by_default;
  auto length = parse_duration(text);
  if (!length) return fail(context(option, length.error()));
  if (*length < std::chrono::seconds(1)) return fail(ErrorCode::invalid, concat(option, " is at least 1s"));
  return length;
}

Lane& lane_of(Lanes& lanes, const std::map<std::string, policy::Schedule>& schedules, const json::value& row) {
  const std::string name = field_text(row, "policy");
  const std::string target = field_text(row, "target");
  const auto [place, fresh] = lanes.try_emplace({name, target});
  if (fresh) {
    const auto schedule = schedules.find(name);
    place->second = {name, target, schedule == schedules.end() ? policy::Schedule{} : schedule->second, {}};
  }
  return place->second;
}

Time time_or(const json::value& row, std::string_view field, Time otherwise) {
  return parse_rfc3339(field_text(row, field)).value_or(otherwise);
}

void add_history(Lanes& lanes, const std::map<std::string, policy::Schedule>& schedules, const json::value& page,
                 Time now) {
  const auto* items = find_field(page, "items");
  if (items == nullptr || !items->is_array()) return;
  for (const auto& row : items->get_array()) {
    Lane& lane = lane_of(lanes, schedules, row);
    const std::string outcome = field_text(row, "outcome");
    const bool held = outcome != "missed" && outcome != "failed";
    const Time planned = time_or(row, "planned_start", now);
    lane.stretches.push_back(
        held ? Lane::Stretch{Lane::Stretch::Kind::held, time_or(row, "started", planned), time_or(row, "ended", now)}
             : Lane::Stretch{Lane::Stretch::Kind::missed, planned, time_or(row, "planned_end", now)});
  }
}

void add_forecast(Lanes& lanes, const std::map<std::string, policy::Schedule>& schedules, const json::value& rows,
                  const TimelineRange& range) {
  if (!rows.is_array()) return;
  for (const auto& row : rows.get_array()) {
    const Time begin = std::max(range.now, time_or(row, "planned_start", range.now));
    lane_of(lanes, schedules, row)
        .stretches.push_back({Lane::Stretch::Kind::foreseen, begin, time_or(row, "planned_end", range.until)});
  }
}

std::map<std::string, policy::Schedule> schedules_of(const json::value& policies) {
  std::map<std::string, policy::Schedule> schedules;
  if (!policies.is_array()) return schedules;
  for (const auto& each : policies.get_array()) {
    auto draft = policy_of(each);
    if (!draft) continue;
    draft->policy.schedule.epoch = time_or(each, "epoch", Time{});
    schedules.emplace(draft->policy.name, draft->policy.schedule);
  }
  return schedules;
}

}  // namespace

int show_timeline(const Context& context, const TimelineOptions& options) {
  const auto past = read_length("--since", options.since);
  const auto future = read_length("--forecast", options.forecast);
  if (!past || !future) return context.usage((past ? future : past).error().message);
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  const Time now = SystemClock().now();
  const TimelineRange range{now - *past, now, now + *future};
  // Windows that began before the range may reach into it.
  Query history{{"since", to_rfc3339(range.from - *past)}, {"limit", "1000"}};
  Query forecast{{"until", to_string(*future)}};
  for (const auto& [key, value] : {std::pair("policy", options.policy), std::pair("target", options.target)}) {
    if (!value.empty()) history.emplace_back(key, value);
  }
  if (!options.policy.empty()) forecast.emplace_back("policy", options.policy);
  const auto policies = client->call("GET", "/v1/policies");
  const auto faults = client->call("GET", concat("/v1/faults", print_query(history)));
  const auto rows = client->call("GET", concat("/v1/forecast", print_query(forecast)));
  for (const auto* each : {&policies, &faults, &rows}) {
    if (!*each) return context.report(each->error());
  }
  const auto schedules = schedules_of(*policies);
  Lanes lanes;
  add_history(lanes, schedules, *faults, now);
  add_forecast(lanes, schedules, *rows, range);
  std::vector<Lane> shown;
  for (auto& [key, lane] : lanes) {
    if (options.target.empty() || lane.target == options.target) shown.push_back(std::move(lane));
  }
  context.console.out << draw_timeline(shown, range, context.console.width);
  return done;
}

}  // namespace entropy::cli

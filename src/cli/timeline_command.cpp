// faults --timeline.
#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <tuple>

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

// By policy, container and engine.
using Lanes = std::map<std::tuple<std::string, std::string, std::string>, Lane>;

// Of the policies that there are: what a lane of theirs begins with.
using Policies = std::map<std::string, Lane>;

constexpr std::string_view by_default = "5m";

Lane& lane_of(Lanes& lanes, const Policies& policies, const json::value& row) {
  const std::string name = field_text(row, "policy");
  const std::string target = field_text(row, "target");
  const auto [place, fresh] = lanes.try_emplace({name, target, field_text(row, "endpoint")});
  Lane& lane = place->second;
  if (!fresh) return lane;
  if (const auto known = policies.find(name); known != policies.end()) lane = known->second;
  lane.policy = name;
  lane.target = target;
  return lane;
}

Time time_or(const json::value& row, std::string_view field, Time otherwise) {
  return parse_rfc3339(field_text(row, field)).value_or(otherwise);
}

Lane::Stretch stretch_of(const json::value& row, Time now) {
  using Kind = Lane::Stretch::Kind;
  const std::string outcome = field_text(row, "outcome");
  const Time planned = time_or(row, "planned_start", now);
  if (outcome != "missed" && outcome != "failed")
    return {Kind::held, time_or(row, "started", planned), time_or(row, "ended", now)};
  // An attempt that failed says nothing of the time behind it: another one may have held.
  const Time end = std::min(time_or(row, "ended", time_or(row, "planned_end", now)), now);
  return {Kind::missed, planned, std::max(end, planned + Duration(1))};
}

struct History {
  json::array faults;  // newest first
  bool whole = true;   // older ones are left out otherwise
};

// The service hands out a page at a time.
Result<History> history_of(const Client& client, const Query& query) {
  constexpr std::size_t most = 10'000;
  History history;
  std::string cursor;
  do {
    Query next = query;
    if (!cursor.empty()) next.emplace_back("cursor", cursor);
    const auto page = client.call("GET", concat("/v1/faults", print_query(next)));
    if (!page) return fail(page.error());
    const auto* items = find_field(*page, "items");
    if (items == nullptr || !items->is_array()) return fail(ErrorCode::protocol, "the service answers without a list");
    history.faults.insert(history.faults.end(), items->get_array().begin(), items->get_array().end());
    cursor = field_text(*page, "next");
  } while (!cursor.empty() && history.faults.size() < most);
  history.whole = cursor.empty();
  return history;
}

void add_history(Lanes& lanes, const Policies& policies, const json::array& faults, Time now) {
  for (const auto& row : faults) lane_of(lanes, policies, row).stretches.push_back(stretch_of(row, now));
}

void add_forecast(Lanes& lanes, const Policies& policies, const json::value& rows, const TimelineRange& range) {
  if (!rows.is_array()) return;
  for (const auto& row : rows.get_array()) {
    const Time begin = std::max(range.now, time_or(row, "planned_start", range.now));
    lane_of(lanes, policies, row)
        .stretches.push_back({Lane::Stretch::Kind::foreseen, begin, time_or(row, "planned_end", range.until)});
  }
}

Policies policies_of(const json::value& answer, Time now) {
  Policies policies;
  if (!answer.is_array()) return policies;
  for (const auto& each : answer.get_array()) {
    auto draft = policy_of(each);
    if (!draft) continue;
    Lane& lane = policies[draft->policy.name];
    lane.schedule = draft->policy.schedule;
    lane.schedule->epoch = time_or(each, "epoch", Time{});
    if (policy::is_instant(draft->policy)) lane.schedule->duration = Duration(1);
    const std::string phase = field_text(each, "status.phase");
    if (phase == "stopped") lane.until = time_or(each, "updated", now);
    if (phase == "halted") lane.until = now;
  }
  return policies;
}

// Until when all windows of all policies are told of: of each policy the service foresees so many, no more.
Time foreseen_until(const json::value& rows, Time until) {
  constexpr std::size_t most = 1000;
  std::map<std::string, std::size_t> counts;
  for (const auto& row : rows.is_array() ? rows.get_array() : json::array()) {
    if (++counts[field_text(row, "policy")] == most) until = std::min(until, time_or(row, "planned_start", until));
  }
  return until;
}

// What is not known would look as if it had been spared.
void narrow(const Context& context, TimelineRange& range, const History& history, const json::value& forecast) {
  const Time oldest = history.whole ? range.from : time_or(history.faults.back(), "planned_start", range.from);
  if (oldest > range.from) {
    range.from = std::min(oldest, range.now);
    context.console.err << concat("entropy: only the newest ", history.faults.size(),
                                  " faults are drawn: --policy and --target lead to older ones\n");
  }
  const Time until = std::max(range.now, foreseen_until(forecast, range.until));
  if (until == range.until) return;
  range.until = until;
  context.console.err << "entropy: only the next 1000 windows of a policy are drawn\n";
}

// Containers of several engines may have one name.
std::vector<Lane> shown_of(Lanes lanes, std::string_view target) {
  std::set<std::string> endpoints;
  for (const auto& [key, lane] : lanes) endpoints.insert(std::get<2>(key));
  std::vector<Lane> shown;
  for (auto& [key, lane] : lanes) {
    if (!target.empty() && lane.target != target) continue;
    if (endpoints.size() > 1) lane.target = concat(std::get<2>(key), "/", lane.target);
    shown.push_back(std::move(lane));
  }
  return shown;
}

// Of a policy that there is not, and whose history is not in the range.
Error gone(const TimelineOptions& options, const Error& error) {
  return {error.code, concat(error.message, "; if it was removed, entropy faults --policy ", options.policy,
                             " has what is left of it, and --since draws it")};
}

}  // namespace

int show_timeline(const Context& context, const TimelineOptions& options) {
  const auto past = option_duration("--since", options.since.empty() ? by_default : options.since);
  const auto future = option_duration("--forecast", options.forecast.empty() ? by_default : options.forecast);
  if (!past || !future) return context.usage((past ? future : past).error().message);
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  const Time now = SystemClock().now();
  TimelineRange range{now - *past, now, now + *future};
  // Windows that began before the range may reach into it.
  Query history{{"since", to_rfc3339(range.from - *past)}, {"limit", "1000"}};
  Query forecast{{"until", to_string(*future)}};
  for (const auto& [key, value] : {std::pair("policy", options.policy), std::pair("target", options.target)}) {
    if (!value.empty()) history.emplace_back(key, value);
  }
  if (!options.policy.empty()) forecast.emplace_back("policy", options.policy);
  const auto policies = client->call("GET", "/v1/policies");
  const auto faults = history_of(*client, history);
  const auto rows = client->call("GET", concat("/v1/forecast", print_query(forecast)));
  if (!policies || !faults) return context.report(policies ? faults.error() : policies.error());
  // A policy that was removed has its history yet.
  const bool is_gone = !rows && rows.error().code == ErrorCode::not_found;
  if (is_gone && faults->faults.empty()) return context.report(gone(options, rows.error()));
  if (!rows && !is_gone) return context.report(rows.error());
  const auto known = policies_of(*policies, now);
  Lanes lanes;
  narrow(context, range, *faults, rows ? *rows : json::value());
  add_history(lanes, known, faults->faults, now);
  if (rows) add_forecast(lanes, known, *rows, range);
  context.console.out << draw_timeline(shown_of(std::move(lanes), options.target), range, context.console.width);
  return done;
}

}  // namespace entropy::cli

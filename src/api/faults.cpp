#include <algorithm>
#include <tuple>

#include "api/input.hpp"
#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

// Where the next page begins: the order of the history, as one word.
std::string print_cursor(const control::FaultRecord& last) {
  return concat(last.planned_start.time_since_epoch().count(), "-", last.id);
}

std::optional<store::FaultCursor> parse_cursor(std::string_view text) {
  const auto dash = std::min(text.find('-'), text.size());
  const auto time = parse_unsigned(text.substr(0, dash));
  const auto id = parse_unsigned(text.substr(std::min(dash + 1, text.size())));
  if (!time || !id || *time > INT64_MAX || *id > INT64_MAX) return std::nullopt;
  return store::FaultCursor{Time(Duration(static_cast<std::int64_t>(*time))), *id};
}

std::size_t read_limit(Parameters& parameters) {
  constexpr std::uint64_t by_default = 100;
  constexpr std::uint64_t most = 1000;
  const std::uint64_t limit = parameters.number("limit").value_or(by_default);
  if (limit == 0 || limit > most) parameters.refuse("limit", "is a number from 1 to 1000");
  return limit;
}

control::FaultQuery read_query(Parameters& parameters) {
  control::FaultQuery query;
  query.policy = parameters.text("policy");
  query.target = parameters.text("target");
  query.since = parameters.time("since", Way::ago);
  query.until = parameters.time("until", Way::ago);
  query.limit = read_limit(parameters);
  if (const std::string text = parameters.text("cursor"); !text.empty()) {
    query.cursor = parse_cursor(text);
    if (!query.cursor)
      parameters.refuse("cursor", concat(quoted(text.substr(0, 80)), " is not the `next` of an answer"));
  }
  return query;
}

// `next` is null where there is no more: a full page may be followed by an empty one.
template <class T, class Print>
Response page(const std::vector<T>& rows, std::size_t limit, Print next_of) {
  boost::json::value next = nullptr;
  if (rows.size() == limit) next = next_of(rows.back());
  return json_response({{"items", to_json(rows)}, {"next", std::move(next)}});
}

}  // namespace

Response list_faults(const Call& call) {
  Parameters parameters(call);
  const auto query = read_query(parameters);
  if (auto refusal = parameters.refusal()) return std::move(*refusal);
  const auto records = call.service->faults(query);
  return records ? page(*records, query.limit, print_cursor) : problem(records.error());
}

Response list_audit(const Call& call) {
  Parameters parameters(call);
  store::AuditQuery query;
  query.since = parameters.time("since", Way::ago);
  query.until = parameters.time("until", Way::ago);
  query.limit = read_limit(parameters);
  query.cursor = parameters.number("cursor").value_or(0);
  if (auto refusal = parameters.refusal()) return std::move(*refusal);
  const auto records = call.service->audit(query);
  if (!records) return problem(records.error());
  return page(*records, query.limit, [](const store::AuditRecord& last) { return concat(last.id); });
}

Response get_forecast(const Call& call) {
  constexpr Duration by_default = std::chrono::minutes(10);
  constexpr Duration farthest = std::chrono::hours(24);
  Parameters parameters(call);
  const auto given = parameters.time("until", Way::ahead);
  const Time now = SystemClock().now();  // not before what 24h ahead was counted from
  const Time until = given.value_or(now + by_default);
  if (until > now + farthest) parameters.refuse("until", "is at most 24h ahead");
  if (auto refusal = parameters.refusal()) return std::move(*refusal);
  std::vector<std::string> names;
  if (const std::string* name = call.parameter("policy")) {
    const auto view = call.service->policy(*name);
    if (!view) return problem(view.error());
    names.push_back(*name);
  } else {
    for (const auto& view : call.service->policies()) names.push_back(view.record.policy.name);
  }
  std::vector<control::ForecastRow> rows;
  for (const auto& name : names) {
    auto more = call.service->forecast(name, until);
    std::ranges::move(more, std::back_inserter(rows));
  }
  const auto order = [](const control::ForecastRow& row) { return std::tie(row.window.begin, row.policy, row.target); };
  std::ranges::sort(rows, {}, order);
  return json_response(to_json(rows));
}

}  // namespace entropy::api

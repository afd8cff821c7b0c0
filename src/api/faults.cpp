#include <algorithm>
#include <tuple>

#include "api/input.hpp"
#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

Read<control::FaultQuery> read_query(const Call& call) {
  constexpr std::uint64_t most = 1000;
  control::FaultQuery query;
  if (const std::string* name = call.parameter("policy")) query.policy = *name;
  if (const std::string* name = call.parameter("target")) query.target = *name;
  const auto since = read_time(call, "since", Way::ago);
  if (!since) return std::unexpected(since.error());
  const auto until = read_time(call, "until", Way::ago);
  if (!until) return std::unexpected(until.error());
  const auto limit = read_number(call, "limit");
  if (!limit) return std::unexpected(limit.error());
  const auto cursor = read_number(call, "cursor");
  if (!cursor) return std::unexpected(cursor.error());
  query.since = *since;
  query.until = *until;
  query.limit = limit->value_or(query.limit);
  query.cursor = cursor->value_or(0);
  if (query.limit == 0 || query.limit > most) return std::unexpected(bad_field("limit", "is a number from 1 to 1000"));
  return query;
}

}  // namespace

Response list_faults(const Call& call) {
  const auto query = read_query(call);
  if (!query) return query.error();
  const auto records = call.service->faults(*query);
  if (!records) return problem(records.error());
  boost::json::value next = nullptr;
  // A full page: there may be more.
  if (records->size() == query->limit) next = concat(records->back().id);
  return json_response({{"items", to_json(*records)}, {"next", std::move(next)}});
}

Response get_forecast(const Call& call) {
  constexpr Duration by_default = std::chrono::minutes(10);
  constexpr Duration farthest = std::chrono::hours(24);
  const auto asked = read_time(call, "until", Way::ahead);
  if (!asked) return asked.error();
  const Time now = SystemClock().now();
  const Time until = asked->value_or(now + by_default);
  if (until > now + farthest) return bad_field("until", "is at most 24h ahead");
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

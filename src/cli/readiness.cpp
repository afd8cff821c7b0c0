#include "cli/readiness.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/fields.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr Duration look_interval = 100ms;
constexpr Duration patience_with_trouble = 5s;

bool is_due(const json::value& forecast, const std::string& target) {
  const auto* rows = forecast.if_array();
  const auto is_it = [&](const json::value& row) { return field_text(row, "target") == target; };
  return rows != nullptr && std::ranges::any_of(*rows, is_it);
}

}  // namespace

Result<Readiness> readiness_of(const Client& client, const std::string& name) {
  const auto answer = client.call("GET", concat("/v1/policies/", percent_encode(name)));
  if (!answer) return fail(answer.error());
  Readiness readiness{field_text(*answer, "status.phase")};
  if (readiness.phase == "halted") return fail(ErrorCode::conflict, "everything is halted: entropy resume");
  if (readiness.phase == "degraded")
    return fail(ErrorCode::unavailable, concat(name, ": ", field_text(*answer, "message")));
  if (!field_text(*answer, "status.stopped.condition").empty())
    return fail(ErrorCode::conflict, concat(name, ": ", field_text(*answer, "status.message")));
  if (readiness.phase == "expired") return readiness;
  const auto due = client.call("GET", concat("/v1/forecast", print_query({{"policy", name}, {"until", "1us"}})));
  if (!due) return fail(due.error());
  const auto* targets = find_field(*answer, "targets");
  if (targets == nullptr || !targets->is_array()) return readiness;
  readiness.targets = targets->get_array().size();
  for (const auto& target : targets->get_array()) {
    const std::string state = field_text(target, "state");
    // What the service's limits hold back gets no further.
    if (state == "held-back") ++readiness.held_back;
    if (state == "active" || state == "spared" || state == "held-back" ||
        (state == "armed" && !is_due(*due, field_text(target, "name"))))
      ++readiness.ready;
  }
  return readiness;
}

Result<> wait_until(const std::function<Result<bool>()>& reached, Duration patience,
                    const std::function<bool(Duration)>& pause) {
  using Steady = std::chrono::steady_clock;
  const auto begin = Steady::now();
  std::optional<Steady::time_point> trouble_since;
  while (true) {
    const auto result = reached();
    const auto now = Steady::now();
    if (result && *result) return {};
    if (result) trouble_since.reset();
    if (!result && !trouble_since) trouble_since = now;
    if (!result && (now - *trouble_since >= patience_with_trouble || now - begin >= patience))
      return fail(result.error());
    if (now - begin >= patience) return fail(ErrorCode::timeout, concat("not ready within ", to_string(patience)));
    if (pause(look_interval)) return fail(ErrorCode::timeout, "interrupted");
  }
}

}  // namespace entropy::cli

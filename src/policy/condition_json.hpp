// `stop_when` and `start_when` as JSON: a condition or a list of them, each a word ("unhealthy", for the policy's
// targets) or an object of one field:
//   {"unhealthy": "service=web"}   healthy, died, oom_killed likewise; "targets" are the policy's own
//   {"http_down": "http://web/"}   or {"url", "status", "contains", "interval", "timeout", "retries"}; http_up likewise
//   {"prometheus": {"url", "query", "above" or "below", "interval", "timeout", "retries"}}
#pragma once

#include <boost/json.hpp>
#include <vector>

#include "base/result.hpp"
#include "policy/condition.hpp"

namespace entropy::policy {

// The error's `fields` name every place that is wrong: "1.http_down.status".
Result<std::vector<Condition>> conditions_from_json(const boost::json::value& value);

// The whole list, as it is read back.
boost::json::array conditions_to_json(const std::vector<Condition>& conditions);

}  // namespace entropy::policy

// A failure's parameters as JSON: lists are arrays, and names with dots are objects within objects.
#pragma once

#include <boost/json.hpp>

#include "failure/container.hpp"

namespace entropy::policy {

// {"delay": "250ms", "peers": ["db", "10.0.0.3"], "model": {"markov": {"p13": 1}}}; null for none.
Result<failure::Params> params_from_json(const boost::json::value& value);
boost::json::object params_to_json(const failure::Failure& failure);
boost::json::object params_to_json(const failure::ContainerFailure& failure);

// Text, or a number or boolean as the text that means the same.
Result<std::string> scalar_text(const boost::json::value& value);

// The selectors among `peers` and `exclude`, which only a policy can read; the error's field is "<failure>.peers".
Result<> check_peers(const failure::Failure& failure);

}  // namespace entropy::policy

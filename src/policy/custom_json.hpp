// The failure of a custom injector image as JSON: {"image": "team/injector:2", "failure": {"clock-skew": {"by": 5}}}.
#pragma once

#include <boost/json.hpp>

#include "policy/policy.hpp"

namespace entropy::policy {

// From the fields `image` and `failure` of a policy; the error's `fields` name either. Exactly one failure; its
// parameters are any object (or null) of at most 16 KiB.
Result<CustomFailure> read_custom(const boost::json::value& image, const boost::json::value& failure);

// The field `failure`.
boost::json::object custom_failure_json(const CustomFailure& custom);

}  // namespace entropy::policy

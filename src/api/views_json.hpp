// The control plane's values in the words of the interface: times RFC 3339, durations as text, what is not there null.
#pragma once

#include <boost/json.hpp>
#include <vector>

#include "api/http.hpp"
#include "control/views.hpp"
#include "policy/policy_json.hpp"

namespace entropy::api {

boost::json::object to_json(const control::PolicyView& view);
// With the targets, how each fares, and those that are skipped.
boost::json::object to_json_in_detail(const control::PolicyView& view);
boost::json::object to_json(const control::InjectorView& view);
boost::json::object to_json(const control::TargetState& state);
boost::json::object to_json(const control::EndpointView& view);
boost::json::object to_json(const control::CleanedView& view);
boost::json::object to_json(const control::HaltView& view);
boost::json::object to_json(const control::FaultRecord& record);
boost::json::object to_json(const control::AuditRecord& record);
boost::json::object to_json(const control::ForecastRow& row);
boost::json::object to_json(const control::Preview& preview);
boost::json::object to_json(const control::ServiceInfo& info);
boost::json::object to_json(const control::TrialView& view);
boost::json::object to_json(const control::Event& event);

template <class T>
boost::json::array to_json(const std::vector<T>& values) {
  boost::json::array array;
  for (const auto& each : values) array.push_back(to_json(each));
  return array;
}

Response json_response(const boost::json::value& value, unsigned status = 200);

}  // namespace entropy::api

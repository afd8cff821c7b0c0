// What a policy's `stop_when` and `start_when` say: statements about containers and addresses that hold or don't.
// Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/units.hpp"
#include "policy/selector.hpp"

namespace entropy::policy {

struct ContainerCondition {
  enum class Kind {
    unhealthy,   // the HEALTHCHECK of one of them says so
    healthy,     // those of all that have one say so, and one has one
    died,        // one of them has ended since the policy began, whether or not it came back
    oom_killed,  // something in one of them was killed for want of memory since then
  };
  Kind kind = Kind::unhealthy;
  std::optional<Selector> selector;  // none: the policy's targets
  bool operator==(const ContainerCondition&) const = default;
};

// How an address is asked. What it says counts when it has said so `retries` times in a row.
struct Pace {
  Duration interval{0};
  Duration timeout{0};
  std::uint64_t retries = 1;
  bool operator==(const Pace&) const = default;
};

// A GET is answered as expected (http_up), or is not (http_down).
struct HttpCondition {
  bool up = false;
  std::string url;
  std::optional<unsigned> status;  // none: any from 200 to 399
  std::string contains;            // in the body's first 64 KiB
  Pace pace = {std::chrono::seconds(5), std::chrono::seconds(2), 3};
  bool operator==(const HttpCondition&) const = default;
};

// A sample of an instant query is beyond a value.
struct PrometheusCondition {
  std::string url;  // of the server, without /api/v1/query
  std::string query;
  bool above = true;  // or below
  double value = 0;
  Pace pace = {std::chrono::seconds(15), std::chrono::seconds(5), 1};
  bool operator==(const PrometheusCondition&) const = default;
};

using Condition = std::variant<ContainerCondition, HttpCondition, PrometheusCondition>;

inline constexpr std::size_t most_conditions = 8;  // of each list

// "unhealthy: targets", "http_down: http://web/", "prometheus: rate(errors[1m]) above 0.5".
std::string describe(const Condition& condition);

std::string_view name_of(ContainerCondition::Kind kind);
// nullptr for one that is only about containers.
const Pace* pace_of(const Condition& condition);

// Why a policy was stopped by one of its conditions.
struct Stop {
  Time at{};
  std::string condition;
  std::string evidence;
  bool operator==(const Stop&) const = default;
};

}  // namespace entropy::policy

// Whether conditions of `stop_when` and `start_when` hold, from what was observed and answered. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/plan.hpp"
#include "control/probe.hpp"
#include "policy/condition.hpp"

namespace entropy::control {

struct Finding {
  bool holds = false;
  std::string evidence = "not asked yet";  // what was seen last, for people
  std::uint64_t in_row = 0;                // how often an address has said so
  std::uint64_t failures = 0;              // how often in a row it could not tell whether it holds
  // Too often: a condition that nobody can check stops a policy as well.
  bool is_blind() const { return failures >= 3; }
};

// Whether it asks for ends of containers.
bool is_about_ends(const policy::ContainerCondition& condition);
// Whether it is about the container.
bool is_meant(const policy::ContainerCondition& condition, const policy::Record& record, const Rules& rules,
              const Index& index, const ObservedContainer& container);

// Of the containers that it is about. One that ended counts since the policy began (its epoch) or was changed;
// `missed`: ends that were not observed.
Finding judge(const policy::ContainerCondition& condition, const policy::Record& record, const Rules& rules,
              const Index& index, const std::vector<ObservedEnd>& missed = {});

// With one answer more.
Finding judge(const policy::HttpCondition& condition, Finding before, const Result<HttpAnswer>& answer);
Finding judge(const policy::PrometheusCondition& condition, Finding before, const Result<HttpAnswer>& answer);

// What has to be asked; `most_bytes` of the answer are looked at.
struct Question {
  HttpUrl url;
  std::size_t most_bytes = 0;
};
Question question_of(const policy::HttpCondition& condition);
Question question_of(const policy::PrometheusCondition& condition);

// The samples of a vector or a scalar that a Prometheus answers to an instant query
// (https://prometheus.io/docs/prometheus/latest/querying/api/); the Error is its own, or ErrorCode::protocol.
Result<std::vector<double>> read_query_answer(std::string_view body);

}  // namespace entropy::control

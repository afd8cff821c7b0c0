// What came of `entropy run`: counts and a verdict from the history of faults, and the reports of it. Pure.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy_file.hpp"

namespace entropy::cli {

struct PolicyOutcome {
  std::string name;
  std::string seed;
  std::size_t hits = 0;               // windows, over all containers, in which a fault held
  std::size_t targets = 0;            // containers that it held on
  std::size_t missed = 0;             // windows that should have been a hit and were not
  std::vector<std::string> problems;  // what was expected and did not happen
};

struct RunOutcome {
  std::vector<std::string> command;  // empty: none was run
  std::optional<int> exit_code;      // of the command
  std::string began;                 // RFC 3339
  std::string ended;
  std::vector<std::string> problems;  // what kept it from beginning, or from being known
  std::vector<PolicyOutcome> policies;
  std::vector<std::string> left;  // what could not be rolled back
  boost::json::array faults;      // as /v1/faults has them
};

// `faults`: the history of this policy alone, since it began.
PolicyOutcome judge(const std::string& name, const policy::Expectation& expect, const boost::json::array& faults);

// 0 where all went as expected; the command's own code if that is not 0; else 125.
int exit_code_of(const RunOutcome& outcome);

std::string summary_of(const PolicyOutcome& outcome);  // "3 hits on 2 containers, 1 missed"

std::string json_report(const RunOutcome& outcome);
std::string junit_report(const RunOutcome& outcome);
std::string markdown_report(const RunOutcome& outcome);

}  // namespace entropy::cli

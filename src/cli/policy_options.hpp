// The options that describe one policy; of `create` and `run`.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace entropy::cli {

// As they are given; the service reads and checks the values, so that there is one place that does.
struct PolicyOptions {
  std::map<std::string, std::optional<std::string>> fields;  // of the policy, by name
  std::string failure;
  std::vector<std::string> params;
  std::vector<std::string> labels;
  bool stopped = false;
};

// `frequency` are the flags of that option: `run` needs -f for something else as well.
void add_policy_options(CLI::App& command, PolicyOptions& options, const std::string& frequency);

// The body of POST /v1/policies. ErrorCode::invalid for what is not KEY=VALUE.
Result<boost::json::object> policy_body(const PolicyOptions& options);

// "KEY=VALUE" each, as an object; the error names `flag` and shows the `example`.
Result<boost::json::object> pairs(const std::vector<std::string>& given, std::string_view flag,
                                  std::string_view example);

}  // namespace entropy::cli

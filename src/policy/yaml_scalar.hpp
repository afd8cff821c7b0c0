// What a word without quotes means in YAML: the core schema of YAML 1.2, less what readers of YAML 1.1 understand
// differently.
#pragma once

#include <boost/json.hpp>
#include <string_view>

#include "base/result.hpp"

namespace entropy::policy {

// A number, a boolean or text. The error says why the word is ambiguous and what to write instead.
Result<boost::json::value> read_plain_scalar(std::string_view text);

}  // namespace entropy::policy

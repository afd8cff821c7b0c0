// The JSON Schema (draft 2020-12) of policy files, for editors: made from the catalogue of failures and checked by a
// test against the parser. It is wider than the parser, which has the last word.
#pragma once

#include <boost/json.hpp>

namespace entropy::policy {

boost::json::object policy_file_schema();

}  // namespace entropy::policy

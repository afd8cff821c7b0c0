// Fields of the service's JSON by the names that people write: in --filter and in templates.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace entropy::cli {

// "name", "status.phase", "Status.Phase", "NextWindow" (next_window). A first name that is not there is looked for in
// `status` as well, so "phase" works. nullptr where there is none.
const boost::json::value* find_field(const boost::json::value& object, std::string_view path);

// The text itself of a string, "" of null, "a,b" of an array of texts and of the keys of an object, else JSON.
std::string field_text(const boost::json::value* value);
std::string field_text(const boost::json::value& object, std::string_view path);

// A small part of Go's templates: {{.Field}}, {{.Field.Field}} and {{json .}} or {{json .Field}}; \n and \t.
// ErrorCode::invalid says what is not understood.
Result<std::string> expand_template(std::string_view text, const boost::json::value& object);

// "K=V" once or more: values of one key are alternatives (globs), different keys must all hold. "label=K[=V]" is one of
// the object's labels; all that are given must be there.
Result<bool> passes_filters(const boost::json::value& object, const std::vector<std::string>& filters);

}  // namespace entropy::cli

// Errors as RFC 9457 problem details, with `message` as well, where clients of Docker's API look.
#pragma once

#include <string>
#include <vector>

#include "api/http.hpp"
#include "base/result.hpp"

namespace entropy::api {

Response problem(unsigned status, std::string detail, const std::vector<FieldError>& fields = {});
Response problem(const Error& error);
// One wrong field or parameter: 400.
Response bad_field(std::string field, std::string message);

}  // namespace entropy::api

// Who may call: the bearer token, or, where none is asked for, the check against DNS rebinding.
#pragma once

#include <expected>

#include "api/http.hpp"
#include "api/options.hpp"
#include "control/views.hpp"

namespace entropy::api {

// The refusal (401, 403), or who it is.
std::expected<control::Caller, Response> admit(const Request& request, const Options& options);

// Takes the same time wherever the first difference is.
bool equal_in_constant_time(std::string_view left, std::string_view right);

}  // namespace entropy::api

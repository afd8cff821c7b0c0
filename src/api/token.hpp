// The bearer tokens of a service: made at the first start, kept in the data directory for the same user's clients.
#pragma once

#include <string>

#include "base/result.hpp"

namespace entropy::api {

// What the file of that name in the directory says; where there is none, a new one of 256 random bits is written, with
// mode 0600. The directory exists. A file that others may read is refused.
inline constexpr std::string_view token_file = "token";
inline constexpr std::string_view read_token_file = "token.read";  // lets in to look, not to change anything
Result<std::string> keep_token(const std::string& data_dir, std::string_view name = token_file);

}  // namespace entropy::api

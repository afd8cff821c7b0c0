// The bearer token of a service: made at the first start, kept in the data directory for the same user's clients.
#pragma once

#include <string>

#include "base/result.hpp"

namespace entropy::api {

// What the file `token` in the directory says; where there is none, a new one of 256 random bits is written, with mode
// 0600. The directory exists. A file that others may read is refused.
Result<std::string> keep_token(const std::string& data_dir);

}  // namespace entropy::api

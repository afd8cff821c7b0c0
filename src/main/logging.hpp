// The service's log: lines on standard error, for people or as JSON.
#pragma once

#include <string>

namespace entropy {

// `level`: trace, debug, info, warn, error.
void set_up_logging(bool json, const std::string& level);

}  // namespace entropy

// `entropy manage`: the service, from its options to its end.
#pragma once

#include "cli/manage_options.hpp"

namespace entropy {

// Runs until SIGTERM or SIGINT, then rolls everything back. The exit code; what went wrong is on stderr.
int serve(const cli::ManageOptions& options);

}  // namespace entropy

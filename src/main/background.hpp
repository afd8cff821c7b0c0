// The service as a process beside this one, for `run --standalone`.
#pragma once

#include <memory>
#include <string>

#include "cli/cli.hpp"

namespace entropy {

// Forks; for programs of one thread. The service gets no signal of the terminal, and SIGTERM when this process dies,
// so that it rolls everything back even then; it removes its data directory in that case.
Result<std::unique_ptr<cli::BackgroundService>> serve_in_background(const cli::ManageOptions& options,
                                                                    const std::string& log);

}  // namespace entropy

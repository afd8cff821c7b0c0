// The program `entropy`: reads the command line, asks the service over HTTP, prints.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/manage_options.hpp"

namespace entropy::cli {

struct Program {
  std::string version;
  std::function<int(const ManageOptions&)> manage;  // runs the service; returns the exit code
};

// `args` without the program's name. Returns the exit code: 0 done, 1 failed, 2 wrong usage. Data go to the console's
// `out`, everything else to `err`. The caller ignores SIGPIPE.
int run_cli(const std::vector<std::string>& args, Console& console, const Program& program);

// The same with the process's own streams, terminal and environment; ignores SIGPIPE.
int run_cli(int argc, const char* const* argv, const Program& program);

}  // namespace entropy::cli

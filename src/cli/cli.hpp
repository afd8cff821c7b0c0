// The program `entropy`: reads the command line, asks the service over HTTP, prints.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/console.hpp"
#include "cli/manage_options.hpp"

namespace entropy::cli {

// A service beside this program, for `run --standalone`. Ends with it, however it ends.
class BackgroundService {
 public:
  virtual ~BackgroundService() = default;  // stops it
  virtual bool runs() = 0;
  virtual int stop() = 0;  // everything rolled back; its exit code
};

struct Program {
  std::string version;
  std::function<int(const ManageOptions&)> manage;  // runs the service; returns the exit code
  // Its log goes to the file.
  std::function<Result<std::unique_ptr<BackgroundService>>(const ManageOptions&, const std::string& log)> start_service;
};

// `args` without the program's name. Returns the exit code: 0 done, 1 failed, 2 wrong usage. Data go to the console's
// `out`, everything else to `err`. The caller ignores SIGPIPE.
int run_cli(const std::vector<std::string>& args, Console& console, const Program& program);

// The same with the process's own streams, terminal and environment; ignores SIGPIPE, and overwrites the token in
// `argv`, where the process list shows it.
int run_cli(int argc, char** argv, const Program& program);

}  // namespace entropy::cli

// What the commands share: how they are added to the program, reach the service and report.
#pragma once

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "cli/cli.hpp"
#include "cli/client.hpp"
#include "cli/settings.hpp"
#include "cli/table.hpp"

namespace entropy::cli {

inline constexpr int done = 0;
inline constexpr int failed = 1;
inline constexpr int wrong_usage = 2;

struct Context {
  Console& console;
  const Program& program;
  Globals globals;

  // One line for each wrong field, else one for the message: "entropy: …". Returns `failed`.
  int report(const Error& error) const;
  int usage(std::string_view message) const;
  // Of what was read here, not by the service: ErrorCode::invalid is wrong usage.
  int refuse(const Error& error) const;
  // ErrorCode::invalid for an address that is none: wrong usage.
  Result<Client> client() const;
  // The service's answer goes to `then`, whose exit code this is; errors are reported.
  int call(std::string_view method, std::string_view target, const boost::json::value& body,
           const std::function<int(const boost::json::value&)>& then) const;
};

using Run = std::function<int(const Context&)>;

class Commands {
 public:
  explicit Commands(CLI::App& app) : app_(app) {}
  // `run` is called when the user wants this command.
  CLI::App& add(const std::string& name, const std::string& description, const std::string& example, Run run);
  // The command that the user gave; nullptr for none.
  CLI::App* chosen() const;
  const Run& run_of(CLI::App* command) const { return runs_.at(command); }
  std::vector<std::string> names() const;

 private:
  CLI::App& app_;
  std::map<CLI::App*, Run> runs_;
};

// Each takes one value a time, so that what follows it is not swallowed.
void add_list_option(CLI::App& command, const std::string& flags, std::vector<std::string>& values,
                     const std::string& description, const std::string& value_name);

// The value of an option: at least 1s. The error names the option.
Result<Duration> option_duration(std::string_view option, std::string_view text);

// Policy files; the option is repeatable.
void add_file_option(CLI::App& command, const std::string& flags, std::vector<std::string>& files);

// On the policies that `run` has made and will take back: which run.
inline constexpr std::string_view run_label = "entropy.run";

void add_manage_command(Commands& commands);
void add_policy_commands(Commands& commands);  // create rm start stop
void add_file_commands(Commands& commands);    // apply export schema
void add_top_command(Commands& commands);
void add_completion_command(Commands& commands);
void add_run_command(Commands& commands);
void add_list_commands(Commands& commands);    // ls lsi inspect
void add_watch_commands(Commands& commands);   // events faults logs
void add_halt_commands(Commands& commands);    // halt resume
void add_lookup_commands(Commands& commands);  // match failures injector-test
void add_system_commands(Commands& commands);  // doctor version info

}  // namespace entropy::cli

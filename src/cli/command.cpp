#include "cli/command.hpp"

#include <algorithm>
#include <ostream>

#include "base/text.hpp"

namespace entropy::cli {

int Context::report(const Error& error) const {
  for (const auto& each : error.fields) console.err << concat("entropy: ", each.field, ": ", each.message, "\n");
  if (error.fields.empty()) console.err << concat("entropy: ", error.message, "\n");
  return failed;
}

int Context::usage(std::string_view message) const {
  console.err << concat("entropy: ", message, "\n");
  return wrong_usage;
}

int Context::refuse(const Error& error) const {
  return error.code == ErrorCode::invalid ? usage(error.message) : report(error);
}

Result<Client> Context::client() const {
  auto address = service_address(globals, console);
  if (!address) return fail(address.error());
  net::TlsContext tls;
  if (address->tls) {
    auto made = net::client_tls(tls_settings(globals, console).files);
    if (!made) return fail(made.error());
    tls = std::move(*made);
  }
  return Client(std::move(*address), find_token(globals, console), globals.debug ? &console.err : nullptr,
                std::move(tls));
}

int Context::call(std::string_view method, std::string_view target, const boost::json::value& body,
                  const std::function<int(const boost::json::value&)>& then) const {
  const auto service = client();
  if (!service) return usage(service.error().message);
  const auto answer = service->call(method, target, body);
  return answer ? then(*answer) : report(answer.error());
}

CLI::App& Commands::add(const std::string& name, const std::string& description, const std::string& example, Run run) {
  CLI::App* command = app_.add_subcommand(name, description);
  command->fallthrough();
  command->allow_extras();
  command->footer(concat("Example:\n  ", example));
  runs_[command] = std::move(run);
  return *command;
}

CLI::App* Commands::chosen() const {
  const auto given = app_.get_subcommands();
  return given.empty() ? nullptr : given.front();
}

std::vector<std::string> Commands::names() const {
  std::vector<std::string> names;
  names.reserve(runs_.size());
  for (const auto& [command, run] : runs_) names.push_back(command->get_name());
  std::ranges::sort(names);
  return names;
}

void add_list_option(CLI::App& command, const std::string& flags, std::vector<std::string>& values,
                     const std::string& description, const std::string& value_name) {
  command.add_option(flags, values, description)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name(value_name);
}

Result<Duration> option_duration(std::string_view option, std::string_view text) {
  auto duration = parse_duration(text);
  if (!duration) return fail(entropy::context(option, duration.error()));
  if (*duration < std::chrono::seconds(1)) return fail(ErrorCode::invalid, concat(option, " is at least 1s"));
  return duration;
}

}  // namespace entropy::cli

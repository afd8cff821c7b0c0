// `entropy manage`: the command line alone; the service is wired in main.
#include "base/text.hpp"
#include "cli/command.hpp"
#include "policy/selector.hpp"

namespace entropy::cli {
namespace {

struct Given {
  ManageOptions options;
  std::string lease = "30s";
  std::string log_format = "text";
};

Result<Duration> parse_lease(std::string_view text) {
  constexpr Duration shortest = std::chrono::seconds(1);
  constexpr Duration longest = std::chrono::hours(1);
  const auto lease = parse_duration(text);
  if (lease && (*lease < shortest || *lease > longest)) return fail(ErrorCode::invalid, "--lease is from 1s to 1h");
  return lease;
}

Result<std::vector<Address>> listen_addresses(const Globals& globals) {
  if (globals.hosts.empty()) return std::vector<Address>{{Address::Kind::tcp, "127.0.0.1", default_port, ""}};
  std::vector<Address> addresses;
  for (const auto& host : globals.hosts) {
    const auto address = parse_address(host, default_port);
    if (!address) return fail(address.error());
    addresses.push_back(*address);
  }
  return addresses;
}

// Fills in what follows from the environment.
Result<ManageOptions> complete(const Given& given, const Context& context) {
  ManageOptions options = given.options;
  const auto lease = parse_lease(given.lease);
  if (!lease) return fail(lease.error());
  options.lease = *lease;
  auto listen = listen_addresses(context.globals);
  if (!listen) return fail(listen.error());
  options.listen = std::move(*listen);
  if (!options.scope.empty()) {
    const auto scope = policy::Selector::parse(options.scope);
    if (!scope) return fail(entropy::context("--scope", scope.error()));
  }
  const std::string docker_host = context.console.env("DOCKER_HOST");
  if (options.endpoints.empty()) {
    options.endpoints.push_back(docker_host.empty() ? "unix:///var/run/docker.sock" : docker_host);
  }
  if (options.data_dir.empty()) options.data_dir = default_data_dir(context.console);
  options.token = context.globals.token.empty() ? context.console.env("ENTROPY_TOKEN") : context.globals.token;
  options.log_format = given.log_format == "json" ? LogFormat::json : LogFormat::text;
  options.log_level = context.globals.debug ? "debug" : context.globals.log_level;
  return options;
}

}  // namespace

void add_manage_command(Commands& commands) {
  const auto given = std::make_shared<Given>();
  CLI::App& command = commands.add(
      "manage", "run the service; -H (repeatable) is where it listens",
      "entropy manage -H tcp://127.0.0.1:7890 unix:///var/run/docker.sock", [given](const Context& context) {
        const auto options = complete(*given, context);
        return options ? context.program.manage(*options) : context.usage(options.error().message);
      });
  command.add_option("ENDPOINT", given->options.endpoints,
                     "Docker engines (DOCKER_HOST, else unix:///var/run/docker.sock)");
  command.add_option("--data-dir", given->options.data_dir, "where policies, history and token are kept")
      ->type_name("DIR");
  command.add_option("--scope", given->options.scope, "touch only containers that this selects")->type_name("SELECTOR");
  command.add_flag("--require-opt-in", given->options.require_opt_in,
                   "touch only containers labelled entropy.enable=true");
  command.add_option("--lease", given->lease, "injectors undo everything after so long without the service (30s)")
      ->type_name("DURATION");
  command.add_flag("--no-auth", given->options.no_auth, "ask for no token; Host and Origin are checked instead");
  add_list_option(command, "--allow-host", given->options.allow_hosts, "a further name that Host and Origin may have",
                  "NAME");
  command.add_flag("--no-tls", given->options.no_tls,
                   "listen beyond loopback in plain text, in a network that you trust");
  command.add_option("--log-format", given->log_format, "text or json")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
}

}  // namespace entropy::cli

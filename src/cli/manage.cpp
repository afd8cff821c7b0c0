// `entropy manage`: the command line alone; the service is wired in main.
#include <array>
#include <optional>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "policy/selector.hpp"

namespace entropy::cli {
namespace {

struct Given {
  ManageOptions options;
  std::string lease = "30s";
  std::string log_format = "text";
  std::string history = "30d,1GB";
  std::string max_active;
  std::string max_share;
};

Result<Duration> parse_lease(std::string_view text) {
  constexpr Duration shortest = std::chrono::seconds(1);
  constexpr Duration longest = std::chrono::hours(1);
  const auto lease = parse_duration(text);
  if (lease && (*lease < shortest || *lease > longest)) return fail(ErrorCode::invalid, "--lease is from 1s to 1h");
  return lease;
}

// Bytes: "100MB", "1GB".
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 3> units = {
      {{"MB", 1'000'000}, {"GB", 1'000'000'000}, {"TB", 1'000'000'000'000}}};
  for (const auto& [unit, bytes] : units) {
    if (!text.ends_with(unit)) continue;
    const auto number = parse_unsigned(text.substr(0, text.size() - unit.size()));
    if (number && *number > 0 && *number <= 1'000'000) return *number * bytes;
  }
  return std::nullopt;
}

// "30d,1GB": an age and a size, or one of them.
Result<> parse_history(std::string_view text, ManageOptions& options) {
  constexpr Duration longest = std::chrono::days(3650);
  for (const auto piece : split(text, ',')) {
    const auto age = parse_duration(trim(piece));
    const auto size = parse_bytes(trim(piece));
    if (age && *age > Duration::zero() && *age <= longest) {
      options.history_age = *age;
    } else if (!age && size) {
      options.history_bytes = *size;
    } else {
      return fail(ErrorCode::invalid, concat("--history: ", quoted(piece),
                                             " is neither an age up to 3650d nor a size from 1MB (as in 30d,1GB)"));
    }
  }
  return {};
}

Result<> parse_limits(const Given& given, ManageOptions& options) {
  if (!given.max_active.empty()) {
    const auto count = parse_unsigned(given.max_active);
    if (!count || *count == 0)
      return fail(ErrorCode::invalid,
                  concat("--max-active: ", entropy::quoted(given.max_active), " is no number of faults from 1 on"));
    options.max_active = *count;
  }
  if (!given.max_share.empty()) {
    const auto share = parse_probability(given.max_share);
    if (!share || *share <= 0)
      return fail(ErrorCode::invalid,
                  concat("--max-share: ", entropy::quoted(given.max_share), " is no share, as in 25% or 0.25"));
    options.max_share = *share;
  }
  return {};
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
  const TlsSettings tls = tls_settings(context.globals, context.console);
  options.tls = tls.files;
  options.verify_clients = tls.verify;
  for (auto& address : options.listen) {
    if (address.kind == Address::Kind::tcp && tls.wanted()) address.tls = true;
  }
  const auto history = parse_history(given.history, options);
  if (!history) return fail(history.error());
  const auto limits = parse_limits(given, options);
  if (!limits) return fail(limits.error());
  options.docker_cert_path = docker_cert_path(context.console);
  if (!options.scope.empty()) {
    const auto scope = policy::Selector::parse(options.scope);
    if (!scope) return fail(entropy::context("--scope", scope.error()));
  }
  const std::string docker_host = context.console.env("DOCKER_HOST");
  if (options.endpoints.empty()) {
    options.endpoints.push_back(docker_host.empty() ? "unix:///var/run/docker.sock" : docker_host);
  }
  if (options.data_dir.empty()) options.data_dir = default_data_dir(context.console);
  const Token token = given_token(context.globals, context.console);
  if (!token.source.empty() && token.value.empty())
    return fail(ErrorCode::invalid, concat("no token in ", token.source));
  options.token = token.value;
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
  command.add_option("--max-active", given->max_active, "hold at most so many faults at once, over all policies")
      ->type_name("N");
  command.add_option("--max-share", given->max_share, "disturb at most this share of a service's replicas at once")
      ->type_name("SHARE");
  command.add_flag_callback(
      "--no-probes", [given] { given->options.probes = false; },
      "ask no addresses for policies: refuse http and prometheus in stop_when and start_when");
  command.add_option("--lease", given->lease, "injectors undo everything after so long without the service (30s)")
      ->type_name("DURATION");
  command.add_option("--history", given->history, "how long and how much of what happened is kept (30d,1GB)")
      ->type_name("AGE,SIZE");
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

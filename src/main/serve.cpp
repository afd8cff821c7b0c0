#include "main/serve.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <filesystem>
#include <random>

#include "api/server.hpp"
#include "api/token.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "control/log.hpp"
#include "control/manager.hpp"
#include "control/spawn.hpp"
#include "main/data_dir.hpp"
#include "main/http_probe.hpp"
#include "main/injector_image.hpp"
#include "main/logging.hpp"

namespace entropy {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration rollback_time = 9s;  // within the ten that are promised
constexpr std::chrono::milliseconds drain_time = 500ms;

// Every connection is a file; the usual 1024 are there for programs that use select.
void allow_many_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// The container that we run in, by the name that Docker gives its host; empty outside of one.
std::string own_container() {
  if (!std::filesystem::exists("/.dockerenv")) return {};
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  const std::string_view text(name);
  constexpr std::size_t short_id = 12;
  const bool is_id = text.size() == short_id && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_id ? std::string(text) : "";
}

Result<control::ManagerOptions> manager_options(const cli::ManageOptions& options, store::Store& store) {
  std::random_device random;
  control::ManagerOptions made;
  made.random_seed = (static_cast<std::uint64_t>(random()) << 32) | random();
  char candidate[17];
  std::snprintf(candidate, sizeof candidate, "%016llx", static_cast<unsigned long long>(made.random_seed));
  auto id = store.manager_id(candidate);
  if (!id) return fail(id.error());
  made.manager_id = std::move(*id);
  made.lease = options.lease;
  made.history = {options.history_age, options.history_bytes};
  made.rules.require_opt_in = options.require_opt_in;
  made.rules.own_container = own_container();
  made.rules.limits = {options.max_active, options.max_share};
  if (!options.scope.empty()) {
    auto scope = policy::Selector::parse(options.scope);
    if (!scope) return fail(context("--scope", scope.error()));
    made.rules.scope = std::move(*scope);
  }
  auto image = injector_image();
  if (!image) return fail(image.error());
  made.image = std::move(*image);
  return made;
}

// With the certificates of the address, else with those of the environment.
Result<docker::EngineOptions> engine_options(docker::Address& address, const std::string& cert_path) {
  docker::EngineOptions made;
  if (address.kind != docker::Address::Kind::tcp) return made;
  if (address.cert_path.empty()) address.cert_path = cert_path;
  if (!address.tls && address.cert_path.empty()) return made;
  const auto files = address.cert_path.empty() ? net::TlsFiles() : net::tls_files_in(address.cert_path);
  auto tls = net::client_tls(files);
  if (!tls) return fail(context(concat("the engine at ", address.text), tls.error()));
  if (!address.cert_path.empty() && files.ca.empty()) {
    return fail(ErrorCode::invalid,
                concat("the engine at ", address.text, ": there is no ", address.cert_path, "/ca.pem"));
  }
  made.tls = std::move(*tls);
  return made;
}

Result<> add_engines(control::Manager& manager, asio::io_context& io, const cli::ManageOptions& options) {
  for (const auto& text : options.endpoints) {
    auto address = docker::parse_address(text);
    if (!address) return fail(address.error());
    auto made = engine_options(*address, options.docker_cert_path);
    if (!made) return fail(made.error());
    const std::string name = address->text;
    made->on_request = [&metrics = manager.metrics(), name](const std::string& operation, const std::string& outcome) {
      metrics.engine_request(name, operation, outcome);
    };
    manager.add_endpoint(name, docker::make_engine(io.get_executor(), std::move(*address), std::move(*made)));
  }
  return {};
}

Result<api::Options> api_options(const cli::ManageOptions& options) {
  api::Options made;
  auto token = options.token.empty() ? api::keep_token(options.data_dir) : Result<std::string>(options.token);
  if (!token) return fail(token.error());
  made.token = std::move(*token);
  auto read_token = api::keep_token(options.data_dir, api::read_token_file);
  if (!read_token) return fail(read_token.error());
  made.read_token = std::move(*read_token);
  if (std::ranges::any_of(options.listen, &Address::tls)) {
    auto tls = net::server_tls(options.tls, options.verify_clients ? net::Clients::verified : net::Clients::any);
    if (!tls) return fail(tls.error());
    made.tls = std::move(*tls);
  }
  made.no_auth = options.no_auth;
  made.no_tls = options.no_tls;
  made.allow_hosts = options.allow_hosts;
  made.version = version;
  return made;
}

void say_where(const api::Server& server) {
  std::vector<std::string> addresses;
  for (const auto& address : server.addresses()) addresses.push_back(to_string(address));
  log::info("listening on {}", join(addresses, ", "));
}

// The way down: no more requests, everything rolled back, then the loop may end.
asio::awaitable<void> shut_down(control::Manager& manager, api::Server& server, asio::io_context& io, int& exit_code) {
  const std::size_t injectors = manager.injectors().size();
  server.drain();
  const std::size_t left = co_await manager.shut_down(rollback_time);
  if (left == 0) {
    log::info("rolled back: {} injectors removed, nothing is left", injectors);
  } else {
    log::error(
        "{} could not be undone: injectors roll back by themselves when their lease ends, containers that are paused, "
        "stopped or limited stay so until the service is back",
        left);
    exit_code = 1;
  }
  co_await server.stop(drain_time);
  io.stop();
}

Result<int> run(const cli::ManageOptions& options) {
  auto data = DataDir::open(options.data_dir);
  if (!data) return fail(data.error());
  auto store = store::Store::open(data->database());
  if (!store) return fail(store.error());
  auto surface = api_options(options);
  if (!surface) return fail(surface.error());
  auto made = manager_options(options, **store);
  if (!made) return fail(made.error());

  SystemClock clock;
  // Outlives the context: coroutines that are destroyed with it may still refer to the manager.
  Result<std::unique_ptr<control::Manager>> manager;
  asio::io_context io(1);
  control::SystemTiming timing(io.get_executor());
  if (options.probes) made->probe = make_http_probe(io.get_executor());
  manager = control::Manager::make(timing, **store, clock, std::move(*made));
  if (!manager) return fail(manager.error());
  auto added = add_engines(**manager, io, options);
  if (!added) return fail(added.error());
  api::Server server(io.get_executor(), **manager, std::move(*surface));
  auto listening = server.listen(options.listen);
  if (!listening) return fail(listening.error());

  int exit_code = 0;
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    log::info("rolling everything back");
    control::spawn(io.get_executor(), "shutting down", shut_down(**manager, server, io, exit_code));
  });
  control::spawn(io.get_executor(), "the control loop", (*manager)->run());
  say_where(server);
  io.run();
  return exit_code;
}

}  // namespace

int serve(const cli::ManageOptions& options) {
  set_up_logging(options.log_format == cli::LogFormat::json, options.log_level);
  allow_many_connections();
  const auto code = run(options);
  if (code) return *code;
  std::fprintf(stderr, "entropy: %s\n", code.error().message.c_str());
  return 1;
}

}  // namespace entropy

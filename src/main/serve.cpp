#include "main/serve.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <filesystem>
#include <random>

#include "api/server.hpp"
#include "api/token.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "control/manager.hpp"
#include "control/spawn.hpp"
#include "main/data_dir.hpp"
#include "main/injector_image.hpp"
#include "main/logging.hpp"

namespace entropy {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration rollback_time = 9s;  // within the ten that are promised
constexpr std::chrono::milliseconds drain_time = 500ms;

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
  made.rules.require_opt_in = options.require_opt_in;
  made.rules.own_container = own_container();
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

Result<> add_engines(control::Manager& manager, asio::io_context& io, const std::vector<std::string>& endpoints) {
  for (const auto& text : endpoints) {
    auto address = docker::parse_address(text);
    if (!address) return fail(address.error());
    docker::EngineOptions engine_options;
    engine_options.on_request = [&metrics = manager.metrics(), text](const std::string& operation,
                                                                     const std::string& outcome) {
      metrics.engine_request(text, operation, outcome);
    };
    manager.add_endpoint(text, docker::make_engine(io.get_executor(), std::move(*address), std::move(engine_options)));
  }
  return {};
}

api::Options api_options(const cli::ManageOptions& options, std::string token) {
  api::Options made;
  made.token = std::move(token);
  made.no_auth = options.no_auth;
  made.no_tls = options.no_tls;
  made.allow_hosts = options.allow_hosts;
  made.version = version;
  return made;
}

void say_where(const api::Server& server) {
  std::vector<std::string> addresses;
  for (const auto& address : server.addresses()) addresses.push_back(to_string(address));
  spdlog::info("listening on {}", join(addresses, ", "));
}

// The way down: no more requests, everything rolled back, then the loop may end.
asio::awaitable<void> shut_down(control::Manager& manager, api::Server& server, asio::io_context& io, int& exit_code) {
  const std::size_t injectors = manager.injectors().size();
  co_await server.stop(drain_time);
  const std::size_t left = co_await manager.shut_down(rollback_time);
  if (left == 0) {
    spdlog::info("rolled back: {} injectors removed, nothing is left", injectors);
  } else {
    spdlog::error("{} of {} injectors could not be removed; they roll back by themselves when their lease ends", left,
                  injectors);
    exit_code = 1;
  }
  io.stop();
}

Result<int> run(const cli::ManageOptions& options) {
  auto data = DataDir::open(options.data_dir);
  if (!data) return fail(data.error());
  auto store = store::Store::open(data->database());
  if (!store) return fail(store.error());
  auto token = options.token.empty() ? api::keep_token(options.data_dir) : Result<std::string>(options.token);
  if (!token) return fail(token.error());
  auto made = manager_options(options, **store);
  if (!made) return fail(made.error());

  SystemClock clock;
  // Outlives the context: coroutines that are destroyed with it may still refer to the manager.
  Result<std::unique_ptr<control::Manager>> manager;
  asio::io_context io(1);
  manager = control::Manager::make(io.get_executor(), **store, clock, std::move(*made));
  if (!manager) return fail(manager.error());
  auto added = add_engines(**manager, io, options.endpoints);
  if (!added) return fail(added.error());
  api::Server server(io.get_executor(), **manager, api_options(options, std::move(*token)));
  auto listening = server.listen(options.listen);
  if (!listening) return fail(listening.error());

  int exit_code = 0;
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    spdlog::info("rolling everything back");
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
  const auto code = run(options);
  if (code) return *code;
  std::fprintf(stderr, "entropy: %s\n", code.error().message.c_str());
  return 1;
}

}  // namespace entropy

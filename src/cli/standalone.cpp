#include "cli/standalone.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.hpp"
#include "cli/fields.hpp"

namespace entropy::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds patience = 5s;

ManageOptions options_for(const Context& context, const std::string& folder, const Address& socket,
                          const std::vector<std::string>& endpoints) {
  const std::string docker_host = context.console.env("DOCKER_HOST");
  ManageOptions options;
  options.endpoints = endpoints;
  if (endpoints.empty()) options.endpoints = {docker_host.empty() ? "unix:///var/run/docker.sock" : docker_host};
  options.listen = {socket};
  options.docker_cert_path = docker_cert_path(context.console);
  options.data_dir = folder;
  options.lease = 10s;
  options.log_level = context.globals.debug ? "debug" : context.globals.log_level;
  return options;
}

}  // namespace

Result<StandaloneService> StandaloneService::start(const Context& context, const std::vector<std::string>& endpoints) {
  const std::string parent = context.console.env("TMPDIR");
  auto own = RunFolder::make(parent.empty() ? "/tmp" : std::filesystem::absolute(parent).string());
  if (!own) return fail(own.error());
  StandaloneService made(std::move(*own));
  const std::string& folder = made.folder();
  const auto socket = parse_address(concat("unix://", folder, "/entropy.sock"), 0);
  if (!socket) return fail(entropy::context("TMPDIR", socket.error()));
  const ManageOptions options = options_for(context, folder, *socket, endpoints);
  auto service = context.program.start_service(options, concat(folder, "/log"));
  if (!service) return fail(service.error());
  made.service_ = std::move(*service);
  // The token is made by the service; it is there once the socket is.
  std::ifstream token_file;
  std::string token;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!std::getline(token_file, token) && made.service_->runs() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(20ms);
    token_file = std::ifstream(concat(folder, "/token"));
  }
  const Token found{token, concat(folder, "/token")};
  made.client_ =
      std::make_unique<Client>(options.listen.front(), found, context.globals.debug ? &context.console.err : nullptr);
  const auto up = made.wait_until_up();
  if (!up) return fail(up.error());
  // What runs that were killed along with their services have left would be in the way. If it stays, its target's
  // degradation says so.
  [[maybe_unused]] const auto cleaned = made.client_->call("POST", "/v1/endpoints:clean");
  return made;
}

Result<> StandaloneService::wait_until_up() {
  std::string why = "it does not answer";
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (!service_->runs()) return fail(ErrorCode::unavailable, concat("the service has ended: ", last_words()));
    const auto endpoints = client_->call("GET", "/v1/endpoints");
    if (endpoints && endpoints->is_array()) {
      for (const auto& each : endpoints->get_array()) {
        if (field_text(each, "up") == "true") return {};
        why = concat(field_text(each, "endpoint"), ": ", field_text(each, "message"));
      }
    }
    std::this_thread::sleep_for(20ms);
  }
  return fail(ErrorCode::unavailable, concat("no Docker engine is connected: ", why));
}

std::string StandaloneService::last_words() const {
  std::ifstream log(concat(folder(), "/log"));
  std::string last;
  for (std::string line; std::getline(log, line);) {
    if (!trim(line).empty()) last = line;
  }
  return last.starts_with("entropy: ") ? last.substr(9) : last;
}

Result<> StandaloneService::stop() {
  if (service_->stop() == 0) return {};
  return fail(ErrorCode::unavailable, concat("the service has not ended well: ", last_words()));
}

}  // namespace entropy::cli

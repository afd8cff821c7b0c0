// Requests to one engine: the negotiated API version, and answers that are errors turned into Error.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "docker/connection.hpp"
#include "docker/engine.hpp"

namespace entropy::docker {

struct ApiVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
};
Result<ApiVersion> parse_api_version(std::string_view text);
std::string to_string(ApiVersion version);

// Method and path with "{id}" for whatever names one thing, without version and query: one of few, whatever is asked.
std::string operation_of(std::string_view method, std::string_view target);

class Client {
 public:
  Client(asio::any_io_executor executor, Address address, EngineOptions options);

  // The whole answer's body. An answer of 400 or more is an Error with what the engine says.
  Task<std::string> call(Request request, Duration limit);
  // A connection whose answer has begun well; its deadline still runs, until the caller ends it.
  Task<std::shared_ptr<Connection>> open(Request request, Duration limit);
  // Asks the engine for its version, whatever was known.
  Task<ApiVersion> negotiate();

  const EngineOptions& options() const { return options_; }
  std::optional<ApiVersion> version() const { return version_; }
  // "engine at <address>: " before the message.
  Error about(Error error) const;

 private:
  Task<Head> begin(std::shared_ptr<Connection> connection, Request request, Duration limit);
  Error refusal(const Head& head, const std::string& body) const;
  Result<ApiVersion> choose(const Head& head) const;

  asio::any_io_executor executor_;
  Address address_;
  EngineOptions options_;
  std::optional<ApiVersion> version_;
};

}  // namespace entropy::docker

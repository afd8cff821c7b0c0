// How the HTTP API behaves; from the command line of `entropy manage`.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace entropy::api {

struct Limits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = 1024 * 1024;
  std::size_t connections = 256;
  std::size_t queued_events = 1000;             // per client of /events; one that lags further behind is dropped
  std::chrono::milliseconds idle{30'000};       // for a whole request to arrive, for each write to get on
  std::chrono::milliseconds heartbeat{15'000};  // between comments on a quiet event stream
};

struct Options {
  std::string token;
  bool no_auth = false;                  // no token needed; Host and Origin are checked instead
  bool no_tls = false;                   // plain TCP beyond loopback is wanted
  std::vector<std::string> allow_hosts;  // names besides loopback that Host and Origin may have
  std::string version;
  Limits limits;
};

}  // namespace entropy::api

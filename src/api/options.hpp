// How the HTTP API behaves; from the command line of `entropy manage`.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "net/tls.hpp"

namespace entropy::api {

struct Limits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = 1024 * 1024;
  std::size_t connections = 2048;               // at each address that the server listens on
  std::size_t queued_bytes = 1024 * 1024;       // for one client of a stream; one that lags further behind is dropped
  std::chrono::milliseconds idle{30'000};       // for a whole request to arrive, for each write to get on
  std::chrono::milliseconds heartbeat{15'000};  // between comments on a quiet event stream
};

struct Options {
  std::string token;
  std::string read_token;                // lets in to look, not to change anything; empty: there is none
  bool no_auth = false;                  // no token needed; Host and Origin are checked instead
  bool no_tls = false;                   // plain TCP beyond loopback is wanted
  net::TlsContext tls;                   // for addresses that say so
  std::vector<std::string> allow_hosts;  // names besides loopback that Host and Origin may have
  std::string version;
  Limits limits;
};

}  // namespace entropy::api

// The command line of `entropy manage`, checked and with its defaults filled in.
#pragma once

#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/units.hpp"

namespace entropy::cli {

enum class LogFormat { text, json };

struct ManageOptions {
  std::vector<std::string> endpoints;  // Docker engines; at least one
  std::vector<Address> listen;         // at least one
  std::string data_dir;
  std::string token;  // given by --token or ENTROPY_TOKEN; empty: the one kept in the data directory
  std::string scope;  // a selector; empty: no restriction
  bool require_opt_in = false;
  Duration lease = std::chrono::seconds(30);
  bool no_auth = false;
  bool no_tls = false;
  std::vector<std::string> allow_hosts;
  LogFormat log_format = LogFormat::text;
  std::string log_level = "info";  // trace, debug, info, warn, error
};

}  // namespace entropy::cli

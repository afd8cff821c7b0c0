// The command line of `entropy manage`, checked and with its defaults filled in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/units.hpp"
#include "net/tls.hpp"

namespace entropy::cli {

enum class LogFormat { text, json };

struct ManageOptions {
  std::vector<std::string> endpoints;  // Docker engines; at least one
  std::vector<Address> listen;         // at least one
  std::string data_dir;
  std::string token;  // given by option or environment; empty: the one kept in the data directory
  std::string scope;  // a selector; empty: no restriction
  bool require_opt_in = false;
  std::optional<std::uint64_t> max_active;  // faults at once
  std::optional<double> max_share;          // of a service's replicas at once, more than 0
  bool probes = true;                       // addresses that policies name in stop_when and start_when are asked
  Duration lease = std::chrono::seconds(30);
  bool no_auth = false;
  bool no_tls = false;
  net::TlsFiles tls;  // of the service; no `cert`: no TLS
  bool verify_clients = false;
  std::string docker_cert_path;  // for engines on TCP without one of their own; empty: plain
  Duration history_age = std::chrono::days(30);
  std::uint64_t history_bytes = 1'000'000'000;
  std::vector<std::string> allow_hosts;
  LogFormat log_format = LogFormat::text;
  std::string log_level = "info";  // trace, debug, info, warn, error
};

}  // namespace entropy::cli

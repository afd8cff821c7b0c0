// Where the service is and what lets us in, from options, environment and files.
#pragma once

#include <string>
#include <vector>

#include "base/address.hpp"
#include "cli/console.hpp"
#include "net/tls.hpp"

namespace entropy::cli {

inline constexpr std::uint16_t default_port = 7890;

// Options that are accepted before and after any command.
struct Globals {
  std::vector<std::string> hosts;
  std::string token;
  std::string token_file;
  bool tls_verify = false;
  net::TlsFiles tls;
  bool debug = false;
  std::string log_level = "info";
};

// --host, else ENTROPY_HOST, else the Unix socket where there is one, else loopback.
Result<Address> service_address(const Globals& globals, const Console& console);

// $ENTROPY_DATA_DIR, else /var/lib/entropy for root, else entropy in $XDG_STATE_HOME or ~/.local/state.
std::string default_data_dir(const Console& console);

struct Token {
  std::string value;   // empty: none found
  std::string source;  // where it is from, or where it was looked for
};
// --token, --token-file, ENTROPY_TOKEN, ENTROPY_TOKEN_FILE: the first that is given; an empty source if none is.
Token given_token(const Globals& globals, const Console& console);
// That, else the file `token` in the data directory.
Token find_token(const Globals& globals, const Console& console);

// Of engines on TCP, in Docker's words: DOCKER_TLS_VERIFY says whether, DOCKER_CERT_PATH (else ~/.docker) with which
// files. Empty: plain.
std::string docker_cert_path(const Console& console);

struct TlsSettings {
  bool verify = false;  // --tlsverify, ENTROPY_TLS_VERIFY
  net::TlsFiles files;  // --tlscacert, --tlscert, --tlskey, else those in $ENTROPY_CERT_PATH
  bool wanted() const { return verify || files != net::TlsFiles(); }
};
TlsSettings tls_settings(const Globals& globals, const Console& console);

}  // namespace entropy::cli

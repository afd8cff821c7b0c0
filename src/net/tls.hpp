// Certificates and keys for TLS 1.2 and later, read once. Peers are always verified by a client; there is no way
// around.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"

namespace boost::asio::ssl {
class context;
}

namespace entropy::net {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// PEM files; an empty name where there is none.
struct TlsFiles {
  std::string ca;
  std::string cert;
  std::string key;
  bool operator==(const TlsFiles&) const = default;
};
// ca.pem, cert.pem and key.pem of a directory, as Docker names them; those that are there.
TlsFiles tls_files_in(const std::string& directory);

// Verifies the server against `ca` (else the system's authorities) and its name; shows `cert` where it is given.
Result<TlsContext> client_tls(const TlsFiles& files);
// Needs `cert` and `key`. `clients`: only those whose certificate `ca` has signed get in.
enum class Clients { any, verified };
Result<TlsContext> server_tls(const TlsFiles& files, Clients clients);

}  // namespace entropy::net

#include "net/tls.hpp"

#include <boost/asio/ssl/context.hpp>
#include <filesystem>

#include "base/text.hpp"

namespace entropy::net {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Error bad_file(std::string_view what, const std::string& path, const error_code& error) {
  return {ErrorCode::invalid, concat("TLS: the ", what, " ", path, ": ", error.message())};
}

std::shared_ptr<ssl::context> make_context(ssl::context::method method) {
  auto context = std::make_shared<ssl::context>(method);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                       ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  return context;
}

Result<> show(ssl::context& context, const TlsFiles& files) {
  if (files.cert.empty() != files.key.empty()) {
    return fail(ErrorCode::invalid, "TLS: a certificate and its key belong together (--tlscert and --tlskey)");
  }
  if (files.cert.empty()) return {};
  error_code error;
  context.use_certificate_chain_file(files.cert, error);
  if (error) return fail(bad_file("certificate", files.cert, error));
  context.use_private_key_file(files.key, ssl::context::pem, error);
  if (error) return fail(bad_file("key", files.key, error));
  return {};
}

Result<> trust(ssl::context& context, const std::string& ca) {
  error_code error;
  if (ca.empty()) {
    context.set_default_verify_paths(error);
    if (error) return fail(ErrorCode::internal, concat("TLS: the system's authorities: ", error.message()));
    return {};
  }
  context.load_verify_file(ca, error);
  if (error) return fail(bad_file("authority", ca, error));
  return {};
}

}  // namespace

TlsFiles tls_files_in(const std::string& directory) {
  const auto file = [&](std::string_view name) {
    const std::string path = concat(directory, "/", name);
    std::error_code ignored;
    return std::filesystem::exists(path, ignored) ? path : std::string();
  };
  return {file("ca.pem"), file("cert.pem"), file("key.pem")};
}

Result<TlsContext> client_tls(const TlsFiles& files) {
  auto context = make_context(ssl::context::tls_client);
  const auto shown = show(*context, files);
  if (!shown) return fail(shown.error());
  const auto trusted = trust(*context, files.ca);
  if (!trusted) return fail(trusted.error());
  context->set_verify_mode(ssl::verify_peer);
  return context;
}

Result<TlsContext> server_tls(const TlsFiles& files, Clients clients) {
  auto context = make_context(ssl::context::tls_server);
  if (files.cert.empty()) {
    return fail(ErrorCode::invalid, "TLS: a server needs a certificate and its key (--tlscert and --tlskey)");
  }
  const auto shown = show(*context, files);
  if (!shown) return fail(shown.error());
  if (clients == Clients::any) return context;
  if (files.ca.empty()) {
    return fail(ErrorCode::invalid, "TLS: --tlsverify needs --tlscacert, the authority of the clients' certificates");
  }
  const auto trusted = trust(*context, files.ca);
  if (!trusted) return fail(trusted.error());
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  // Without it OpenSSL refuses to resume a session of a verified client.
  constexpr std::string_view session_context = "entropy";
  SSL_CTX_set_session_id_context(
      context->native_handle(), reinterpret_cast<const unsigned char*>(session_context.data()), session_context.size());
  return context;
}

}  // namespace entropy::net

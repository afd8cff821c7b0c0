#include <sys/un.h>

#include "base/text.hpp"
#include "base/units.hpp"
#include "base/url.hpp"
#include "docker/engine.hpp"

namespace entropy::docker {
namespace {

constexpr std::string_view plain_port = "2375";
constexpr std::string_view tls_port = "2376";
constexpr std::string_view help = "use unix:///path/to/docker.sock or tcp://host:port";

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid, concat(quoted(text), " is not an engine's address: ", why));
}

Result<Address> parse_unix(std::string_view text, std::string_view path) {
  if (!path.starts_with('/')) return bad(text, concat("the socket's path must be absolute; ", help));
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return bad(text, concat("the socket's path is longer than the ", sizeof(sockaddr_un::sun_path) - 1,
                            " bytes that the system allows"));
  }
  return Address{Address::Kind::unix_socket, std::string(path), {}, {}, std::string(text)};
}

// The folder of "?cert-path=DIR"; empty without a query.
Result<std::string> parse_cert_path(std::string_view text, std::string_view query) {
  if (query.empty()) return std::string();
  const auto options = parse_query(query);
  if (!options || options->size() != 1 || options->front().first != "cert-path" || options->front().second.empty()) {
    return bad(text, "what follows the ? is cert-path=DIR");
  }
  return options->front().second;
}

// "host", "host:port", "[v6]", "[v6]:port" to host and port; an empty host when it is none of them.
std::pair<std::string_view, std::string_view> split_host(std::string_view rest, std::string_view default_port) {
  std::size_t end = rest.find(':');
  std::string_view host = rest.substr(0, end);
  if (rest.starts_with('[')) {
    const std::size_t bracket = rest.find(']');
    if (bracket == std::string_view::npos) return {};
    host = rest.substr(1, bracket - 1);
    end = bracket + 1 == rest.size() ? std::string_view::npos : bracket + 1;
  }
  if (end == std::string_view::npos) return {host, default_port};
  if (rest[end] != ':') return {};
  return {host, rest.substr(end + 1)};
}

Result<Address> parse_tcp(std::string_view text, std::string_view rest, bool https) {
  const std::size_t question = std::min(rest.find('?'), rest.size());
  auto cert_path = parse_cert_path(text, rest.substr(std::min(question + 1, rest.size())));
  if (!cert_path) return fail(cert_path.error());
  const std::string_view without_query = text.substr(0, text.size() - (rest.size() - question));
  const bool tls = https || !cert_path->empty();
  rest = rest.substr(0, question);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != std::string_view::npos) return bad(text, "a path after the host is not possible");
  const auto [host, port] = split_host(rest, tls ? tls_port : plain_port);
  if (host.empty() || host.find_first_of(" \t\r\n@?#%") != std::string_view::npos) {
    return bad(text, concat("no host in it; ", help));
  }
  const auto number = parse_unsigned(port);
  if (!number || *number == 0 || *number > 65535) return bad(text, "the port must be a number from 1 to 65535");
  return Address{Address::Kind::tcp,         {},  std::string(host),    concat(*number),
                 std::string(without_query), tls, std::move(*cert_path)};
}

}  // namespace

Result<Address> parse_address(std::string text) {
  const std::size_t at = text.find("://");
  if (at == std::string::npos) {
    const std::string meant = text.starts_with('/') ? concat("unix://", text) : concat("tcp://", text);
    return bad(text, concat("it has no scheme; did you mean ", quoted(meant), "?"));
  }
  const std::string_view scheme = std::string_view(text).substr(0, at);
  const std::string_view rest = std::string_view(text).substr(at + 3);
  if (scheme == "unix") return parse_unix(text, rest);
  if (scheme == "tcp" || scheme == "https") return parse_tcp(text, rest, scheme == "https");
  if (scheme == "http") return bad(text, concat("did you mean ", quoted(concat("tcp://", rest)), "?"));
  if (scheme == "ssh")
    return bad(text, "ssh is not available; forward the engine's socket with ssh -L and use unix://");
  if (scheme == "npipe") return bad(text, concat("Windows pipes are not available; ", help));
  return bad(text, concat("unknown scheme ", quoted(scheme), "; ", help));
}

}  // namespace entropy::docker

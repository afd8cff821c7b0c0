#include "cli/settings.hpp"

#include <filesystem>
#include <fstream>

#include "base/text.hpp"

namespace entropy::cli {

namespace {

Token read_token(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return {std::string(trim(line)), path};
}

Result<Address> plain_address(const Globals& globals, const Console& console) {
  constexpr std::string_view socket_path = "/run/entropy.sock";
  if (globals.hosts.size() > 1) return fail(ErrorCode::invalid, "-H is given twice: this command talks to one service");
  if (!globals.hosts.empty()) return parse_address(globals.hosts.front(), default_port);
  const std::string from_env = console.env("ENTROPY_HOST");
  if (!from_env.empty()) return parse_address(from_env, default_port);
  std::error_code ignored;
  if (std::filesystem::is_socket(socket_path, ignored)) return parse_address(concat("unix://", socket_path), 0);
  return Address{Address::Kind::tcp, "127.0.0.1", default_port, ""};
}

}  // namespace

Result<Address> service_address(const Globals& globals, const Console& console) {
  auto address = plain_address(globals, console);
  if (address && address->kind == Address::Kind::tcp && tls_settings(globals, console).wanted()) address->tls = true;
  return address;
}

std::string default_data_dir(const Console& console) {
  const std::string given = console.env("ENTROPY_DATA_DIR");
  if (!given.empty()) return given;
  if (console.is_root) return "/var/lib/entropy";
  const std::string state = console.env("XDG_STATE_HOME");
  return state.empty() ? concat(console.env("HOME"), "/.local/state/entropy") : concat(state, "/entropy");
}

Token given_token(const Globals& globals, const Console& console) {
  if (!globals.token.empty()) return {globals.token, "--token"};
  if (!globals.token_file.empty()) return read_token(globals.token_file);
  const std::string from_env = console.env("ENTROPY_TOKEN");
  if (!from_env.empty()) return {from_env, "ENTROPY_TOKEN"};
  const std::string file_from_env = console.env("ENTROPY_TOKEN_FILE");
  return file_from_env.empty() ? Token() : read_token(file_from_env);
}

Token find_token(const Globals& globals, const Console& console) {
  Token given = given_token(globals, console);
  return given.source.empty() ? read_token(concat(default_data_dir(console), "/token")) : given;
}

std::string docker_cert_path(const Console& console) {
  if (console.env("DOCKER_TLS_VERIFY").empty()) return {};
  const std::string path = console.env("DOCKER_CERT_PATH");
  return path.empty() ? concat(console.env("HOME"), "/.docker") : path;
}

TlsSettings tls_settings(const Globals& globals, const Console& console) {
  TlsSettings settings{globals.tls_verify || !console.env("ENTROPY_TLS_VERIFY").empty(), globals.tls};
  const std::string folder = console.env("ENTROPY_CERT_PATH");
  if (folder.empty()) return settings;
  const net::TlsFiles found = net::tls_files_in(folder);
  net::TlsFiles& files = settings.files;
  if (files.ca.empty()) files.ca = found.ca;
  if (files.cert.empty() && files.key.empty()) {
    files.cert = found.cert;
    files.key = found.key;
  }
  return settings;
}

}  // namespace entropy::cli

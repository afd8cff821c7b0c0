#include "cli/settings.hpp"

#include <filesystem>
#include <fstream>

#include "base/text.hpp"

namespace entropy::cli {

Result<Address> service_address(const Globals& globals, const Console& console) {
  constexpr std::string_view socket_path = "/run/entropy.sock";
  if (globals.hosts.size() > 1) return fail(ErrorCode::invalid, "-H is given twice: this command talks to one service");
  if (!globals.hosts.empty()) return parse_address(globals.hosts.front(), default_port);
  const std::string from_env = console.env("ENTROPY_HOST");
  if (!from_env.empty()) return parse_address(from_env, default_port);
  std::error_code ignored;
  if (std::filesystem::is_socket(socket_path, ignored)) return parse_address(concat("unix://", socket_path), 0);
  return Address{Address::Kind::tcp, "127.0.0.1", default_port, ""};
}

std::string default_data_dir(const Console& console) {
  const std::string given = console.env("ENTROPY_DATA_DIR");
  if (!given.empty()) return given;
  if (console.is_root) return "/var/lib/entropy";
  const std::string state = console.env("XDG_STATE_HOME");
  return state.empty() ? concat(console.env("HOME"), "/.local/state/entropy") : concat(state, "/entropy");
}

Token find_token(const Globals& globals, const Console& console) {
  if (!globals.token.empty()) return {globals.token, "--token"};
  const std::string from_env = console.env("ENTROPY_TOKEN");
  if (!from_env.empty()) return {from_env, "ENTROPY_TOKEN"};
  const std::string path = concat(default_data_dir(console), "/token");
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return {std::string(trim(line)), path};
}

}  // namespace entropy::cli

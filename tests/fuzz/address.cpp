// An address that was understood is written as a text that is understood as the same address.
#include "base/address.hpp"

#include "check.hpp"
#include "docker/engine.hpp"

namespace entropy::fuzz {
namespace {

void check_engine_address(std::string_view input) {
  const auto address = docker::parse_address(std::string(input));
  if (!address) return;
  require(input.starts_with(address->text));
  if (address->kind == docker::Address::Kind::unix_socket) return require(address->path.starts_with('/'));
  const auto port = parse_unsigned(address->port);
  require(!address->host.empty() && port && *port >= 1 && *port <= 65535);
}

}  // namespace

void check(std::string_view input) {
  check_engine_address(input);
  const auto address = parse_address(input, 4343);
  if (address) require(parse_address(to_string(*address), 1) == *address);
}

}  // namespace entropy::fuzz

#include "base/prefix.hpp"

#include <arpa/inet.h>

#include "base/text.hpp"
#include "base/units.hpp"

namespace entropy {
namespace {

constexpr unsigned bits_of(bool ipv6) { return ipv6 ? 128 : 32; }

std::unexpected<Error> bad_prefix(std::string_view text) {
  return fail(ErrorCode::invalid, concat(quoted(text),
                                         " is neither an address nor a network: write 10.0.0.3, "
                                         "10.0.0.0/24, fd00::1 or fd00::/8"));
}

void clear_beyond(Prefix& prefix) {
  for (unsigned i = 0; i < prefix.bytes.size(); ++i) {
    const unsigned kept = prefix.length > 8 * i ? prefix.length - 8 * i : 0;
    if (kept < 8) prefix.bytes[i] = static_cast<std::uint8_t>(prefix.bytes[i] & ~(0xffu >> kept));
  }
}

}  // namespace

Result<Prefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  Prefix prefix;
  prefix.ipv6 = address.find(':') != std::string::npos;
  if (::inet_pton(prefix.ipv6 ? AF_INET6 : AF_INET, address.c_str(), prefix.bytes.data()) != 1) return bad_prefix(text);
  prefix.length = bits_of(prefix.ipv6);
  if (slash != std::string_view::npos) {
    const auto length = parse_unsigned(text.substr(slash + 1));
    if (!length || *length > prefix.length) return bad_prefix(text);
    prefix.length = static_cast<unsigned>(*length);
  }
  clear_beyond(prefix);
  return prefix;
}

std::string to_string(const Prefix& prefix) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(prefix.ipv6 ? AF_INET6 : AF_INET, prefix.bytes.data(), text, sizeof text);
  if (prefix.length == bits_of(prefix.ipv6)) return text;
  return concat(std::string_view(text), "/", prefix.length);
}

}  // namespace entropy

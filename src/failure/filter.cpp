#include "failure/filter.hpp"

#include "base/prefix.hpp"

namespace entropy::failure {
namespace {

constexpr std::size_t longest_entry = 1024;

bool is_selector(std::string_view text) {
  return text.find_first_of("=!@") != std::string_view::npos || text.find(" in ") != std::string_view::npos ||
         text.find(" notin ") != std::string_view::npos;
}

// What container, service and host names are made of.
bool is_name(std::string_view text) {
  constexpr std::size_t longest_name = 253;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  };
  const bool has_letter = text.find_first_not_of("0123456789./") != std::string_view::npos;
  return has_letter && text.size() <= longest_name && std::ranges::all_of(text, allowed);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_unsigned(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace

PeerKind kind_of(const Peer& peer) {
  if (is_selector(peer.text)) return PeerKind::selector;
  return parse_prefix(peer.text) ? PeerKind::network : PeerKind::name;
}

Result<Peer> Value<Peer>::read(std::string_view text) {
  Peer peer{std::string(trim(text))};
  if (peer.text.size() > longest_entry) return fail(ErrorCode::invalid, "an entry is longer than 1024 characters");
  if (kind_of(peer) == PeerKind::name && !is_name(peer.text)) {
    return fail(ErrorCode::invalid, concat(quoted(peer.text),
                                           " is no selector (service=db), address (10.0.0.3), network (10.0.0.0/24) or "
                                           "name (db); give each entry of its own"));
  }
  return peer;
}

Result<Ports> Value<Ports>::read(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *last < *first) {
    return fail(ErrorCode::invalid,
                concat(quoted(text), " is no port: write 80, or a range as 8000-8010; each entry of its own"));
  }
  return Ports{*first, *last};
}

std::string Value<Ports>::print(Ports ports) {
  return ports.first == ports.last ? concat(ports.first) : concat(ports.first, "-", ports.last);
}

Result<Interface> Value<Interface>::read(std::string_view text) {
  constexpr std::size_t longest_name = 15;  // IFNAMSIZ without its NUL
  if (text == "lo") return fail(ErrorCode::invalid, "lo is left alone, or names would no longer resolve");
  if (text.empty() || text.size() > longest_name || text.find_first_of("/ \t\n") != std::string_view::npos) {
    return fail(ErrorCode::invalid, concat(quoted(text), " is no interface: write its name in the target, as eth0"));
  }
  return Interface{std::string(text)};
}

}  // namespace entropy::failure

// Which packets a failure is for, seen from the target: the parameters that all failures of the network share. A
// packet has to fit all of them.
#pragma once

#include "failure/field.hpp"

namespace entropy::failure {

enum class Direction { egress, ingress, both };
template <>
struct Words<Direction> {
  static constexpr std::array<std::string_view, 3> words = {"egress", "ingress", "both"};
};

enum class Protocol { tcp, udp, icmp };
template <>
struct Words<Protocol> {
  static constexpr std::array<std::string_view, 3> words = {"tcp", "udp", "icmp"};
};

// An entry of `peers` or `exclude` as it was written: a selector of containers if there is `=`, `!`, `@` or ` in ` in
// it, else an address or network, else the name of a container, a service or a host.
struct Peer {
  std::string text;
  bool operator==(const Peer&) const = default;
};
enum class PeerKind { selector, network, name };
PeerKind kind_of(const Peer& peer);
template <>
struct Value<Peer> {
  static std::string type() { return "peer"; }
  static Result<Peer> read(std::string_view text);  // a selector's own syntax is not looked at here
  static std::string print(const Peer& peer) { return peer.text; }
};

// "80", "8000-8010".
struct Ports {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  auto operator<=>(const Ports&) const = default;
};
template <>
struct Value<Ports> {
  static std::string type() { return "port"; }
  static Result<Ports> read(std::string_view text);
  static std::string print(Ports ports);
};

struct Interface {
  std::string name;
  auto operator<=>(const Interface&) const = default;
};
template <>
struct Value<Interface> {
  static std::string type() { return "interface"; }
  static Result<Interface> read(std::string_view text);
  static std::string print(const Interface& interface) { return interface.name; }
};

// Empty lists and no protocol mean: any.
struct Filter {
  Direction direction = Direction::egress;
  std::vector<Peer> peers = {};
  std::vector<Peer> exclude = {};
  std::vector<Ports> ports = {};  // of the source or of the destination: the service's, whichever side it is on
  std::optional<Protocol> protocol = {};
  std::vector<Interface> interfaces = {};
  bool operator==(const Filter&) const = default;
};

// The fields of a failure and after them those of its member `filter`.
template <class F>
std::vector<Field<F>> with_filter(std::vector<Field<F>> fields) {
  constexpr auto optional = Presence::optional;
  fields.push_back(field<&F::filter, &Filter::direction>("direction", optional, "which way, seen from the target"));
  fields.push_back(field<&F::filter, &Filter::peers>(
      "peers", optional, "only to and from these: selectors, addresses, networks, names (default: all)"));
  fields.push_back(field<&F::filter, &Filter::exclude>("exclude", optional, "not to and from these, as for peers"));
  fields.push_back(field<&F::filter, &Filter::ports>(
      "ports", optional, "only these ports of TCP or UDP, of the target or of its peer, as 80 or 8000-8010"));
  fields.push_back(field<&F::filter, &Filter::protocol>("protocol", optional, "only this protocol"));
  fields.push_back(
      field<&F::filter, &Filter::interfaces>("interfaces", optional, "only these, as eth0 (default: all but lo)"));
  return fields;
}

}  // namespace entropy::failure

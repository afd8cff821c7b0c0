// Lookups of names fail, take long or lead astray: the answers that reach the target's resolver from port 53 are held
// or replaced, over UDP and TCP, from Docker's own resolver as from any other. Queries are left alone.
#pragma once

#include "base/prefix.hpp"
#include "failure/field.hpp"

namespace entropy::failure {

// "db", "api.example.com", "*.example.com" (all below it, at any depth), "*"; in lower case, without a final dot.
struct NamePattern {
  std::string text;
  bool operator==(const NamePattern&) const = default;
};
template <>
struct Value<NamePattern> {
  static std::string type() { return "name"; }
  static Result<NamePattern> read(std::string_view text);
  static std::string print(const NamePattern& pattern) { return pattern.text; }
};

enum class Denial { nxdomain, servfail, refused, none };  // `none`: no answer comes
template <>
struct Words<Denial> {
  static constexpr std::array<std::string_view, 4> words = {"nxdomain", "servfail", "refused", "none"};
};

// What is said instead of the truth: one of the denials, or an address.
struct DnsAnswer {
  Denial denial = Denial::nxdomain;    // where there is no address
  std::optional<Prefix> address = {};  // a single one
  bool operator==(const DnsAnswer&) const = default;
};
template <>
struct Value<DnsAnswer> {
  static std::string type() { return "answer"; }
  static Result<DnsAnswer> read(std::string_view text);
  static std::string print(const DnsAnswer& answer);
};

struct Dns {
  static constexpr std::string_view name = "dns";
  std::vector<NamePattern> names = {};  // none: all
  Duration delay{0};
  std::optional<DnsAnswer> answer = {};
  bool operator==(const Dns&) const = default;

  static const std::vector<Field<Dns>>& fields();
  Result<> check() const;
};

}  // namespace entropy::failure

#include "failure/dns.hpp"

namespace entropy::failure {
namespace {

constexpr std::size_t longest_name = 253;  // of a domain name as text; RFC 1035, 2.3.4
constexpr std::size_t longest_label = 63;

bool is_label(std::string_view label) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !label.empty() && label.size() <= longest_label && std::ranges::all_of(label, allowed);
}

}  // namespace

Result<NamePattern> Value<NamePattern>::read(std::string_view text) {
  std::string name;
  for (const char c : trim(text)) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  std::string_view labels = name;
  if (labels == "*") return NamePattern{name};
  if (labels.starts_with("*.")) labels.remove_prefix(2);
  if (name.size() > longest_name || !std::ranges::all_of(split(labels, '.'), is_label)) {
    return fail(ErrorCode::invalid, concat(quoted(text),
                                           " is no name to look up: write db, api.example.com, *.example.com for all "
                                           "below it, or * for all; each entry of its own"));
  }
  return NamePattern{std::move(name)};
}

Result<DnsAnswer> Value<DnsAnswer>::read(std::string_view text) {
  for (std::size_t i = 0; i < Words<Denial>::words.size(); ++i) {
    if (Words<Denial>::words[i] == text) return DnsAnswer{static_cast<Denial>(i), {}};
  }
  const auto address = parse_prefix(text);
  if (address && !text.contains('/')) return DnsAnswer{{}, *address};
  return fail(ErrorCode::invalid, concat(quoted(text), " is no answer: write ", join(Words<Denial>::words, ", "),
                                         " or an address, as 10.0.0.9"));
}

std::string Value<DnsAnswer>::print(const DnsAnswer& answer) {
  return answer.address ? to_string(*answer.address) : Value<Denial>::print(answer.denial);
}

const std::vector<Field<Dns>>& Dns::fields() {
  constexpr auto optional = Presence::optional;
  static const std::vector<Field<Dns>> table = {
      field<&Dns::names>("names", optional, "only look-ups of these, as db or *.example.com (default: all)"),
      field<&Dns::delay>("delay", optional, "how long every answer waits; this or an answer is needed"),
      field<&Dns::answer>("answer", optional,
                          "what is said instead of the truth: nxdomain, servfail, refused, none, or an address"),
  };
  return table;
}

Result<> Dns::check() const {
  constexpr Duration longest = std::chrono::minutes(1);
  if (delay == Duration::zero() && !answer) {
    return fail(ErrorCode::invalid, "without a delay and an answer nothing happens: give one, as in delay=2s");
  }
  if (delay > longest) return fail(ErrorCode::invalid, "the delay is at most 1m: answers are held in memory meanwhile");
  if (answer == DnsAnswer{Denial::none, {}} && delay > Duration::zero()) {
    return fail(ErrorCode::invalid, "no answer at all can't be late: give a delay or none");
  }
  return {};
}

}  // namespace entropy::failure

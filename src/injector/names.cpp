#include "injector/names.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

namespace entropy::injector {
namespace {

kernel::Hearsay hearsay_of(const failure::DnsAnswer& answer) {
  if (answer.address) return *answer.address;
  switch (answer.denial) {
    case failure::Denial::nxdomain:
      return kernel::Denial::nxdomain;
    case failure::Denial::servfail:
      return kernel::Denial::servfail;
    case failure::Denial::refused:
      return kernel::Denial::refused;
    case failure::Denial::none:
      return kernel::Denial::none;
  }
  return kernel::Denial::servfail;
}

std::string_view text_of(kernel::Denial denial) {
  switch (denial) {
    case kernel::Denial::nxdomain:
      return "nxdomain";
    case kernel::Denial::servfail:
      return "servfail";
    case kernel::Denial::refused:
      return "refused";
    case kernel::Denial::none:
      return "no answer";
  }
  return "";
}

std::string text_of(const kernel::Hearsay& hearsay) {
  if (const auto* address = std::get_if<Prefix>(&hearsay)) return concat("answer ", to_string(*address));
  return std::string(text_of(std::get<kernel::Denial>(hearsay)));
}

}  // namespace

kernel::NameFault name_fault(std::string name, const failure::Dns& dns) {
  kernel::NameFault fault{std::move(name), {}, dns.delay, {}};
  for (const auto& pattern : dns.names) fault.names.push_back(pattern.text);
  if (fault.names.empty()) fault.names.emplace_back("*");
  if (dns.answer) fault.answer = hearsay_of(*dns.answer);
  return fault;
}

std::string describe(const kernel::NameFault& fault) {
  const bool all = fault.names == std::vector<std::string>{"*"};
  const std::string whose = all ? "all names" : join(fault.names, ", ");
  if (!fault.answer) return concat("delay ", to_string(fault.delay), " for ", whose);
  const bool late = fault.delay > Duration::zero();
  return concat(text_of(*fault.answer), " for ", whose, late ? concat(" after ", to_string(fault.delay)) : "");
}

}  // namespace entropy::injector

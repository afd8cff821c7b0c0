// From failures of look-ups to what the kernel's part shall do to answers. Pure.
#pragma once

#include <string>

#include "failure/dns.hpp"
#include "kernel/state.hpp"

namespace entropy::injector {

// `name` says whose doing it is.
kernel::NameFault name_fault(std::string name, const failure::Dns& dns);

// For people: "nxdomain for db, *.example.com after 200ms", "delay 2s for all names".
std::string describe(const kernel::NameFault& fault);

}  // namespace entropy::injector

// What the kernel can really do, found out by doing it: for a namespace that nobody else needs.
#pragma once

#include <string>
#include <vector>

namespace entropy::kernel {

struct Examination {
  std::string backend;  // "netem", "userspace"
  std::string missing;  // why it does not work here; empty: it does
};

// Makes, reads back and removes a state with every effect, with each backend in turn. Needs what the backends need.
std::vector<Examination> examine();

}  // namespace entropy::kernel

// What a failure does to the packets that it is for. Pure.
#pragma once

#include <string>

#include "failure/failure.hpp"
#include "kernel/state.hpp"

namespace entropy::injector {

void add(kernel::Effect& effect, const failure::Failure& failure);

// For people: "delay 200ms ± 50ms, loss 10%".
std::string describe(const kernel::Effect& effect);

}  // namespace entropy::injector

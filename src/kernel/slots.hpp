// Classes keep their place (a band, a queue) while a state changes around them, so that what is held there stays in
// order. Pure.
#pragma once

#include <vector>

#include "kernel/state.hpp"

namespace entropy::kernel {

// The place of each class, in their order, each below `most_classes`.
using Slots = std::vector<unsigned>;

// A class that was there before, by name or else by whose packets it is for, stays where it was, unless the qdiscs at
// its place don't fit any more because of a rate. Others get places that were free, as far as there are any.
Slots assign_slots(const Traffic& before, const Slots& slots, const Traffic& wanted);

}  // namespace entropy::kernel

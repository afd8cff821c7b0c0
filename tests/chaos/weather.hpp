// What goes wrong by chance between a manager and its hosts, as shares of 1.
#pragma once

#include "base/units.hpp"

namespace entropy::chaos {

struct Weather {
  double refused = 0;     // calls that are answered with an error and have done nothing
  double unanswered = 0;  // calls that are done, but whose answer is cut off
  double slow = 0;        // calls that take up to `slowest`
  Duration slowest{0};
  double cut = 0;   // pieces of a stream after half of which it is cut
  double lost = 0;  // events
  double doubled = 0;
  double disordered = 0;
  double disk_full = 0;  // commits that fail
  double kernel_refuses = 0;
};

}  // namespace entropy::chaos

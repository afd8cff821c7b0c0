// `faults --timeline`: history and forecast on one line for each policy and container.
#pragma once

#include <string>

#include "cli/command.hpp"

namespace entropy::cli {

struct TimelineOptions {
  std::string policy;  // empty: any
  std::string target;
  std::string since;     // a duration; empty: 5m
  std::string forecast;  // likewise
};

int show_timeline(const Context& context, const TimelineOptions& options);

}  // namespace entropy::cli

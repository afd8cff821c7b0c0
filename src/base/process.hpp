// What the kernel says of this process (proc(5), getrusage(2), getrlimit(2)).
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.hpp"

namespace entropy {

struct ProcessFigures {
  Time started{};  // when the program was loaded
  Duration cpu_time{0};
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_files = 0;
  std::optional<std::uint64_t> most_open_files;  // none: no limit
};

// As of now; 0 where /proc can't be read.
ProcessFigures process_figures();

}  // namespace entropy

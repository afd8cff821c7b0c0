// What a command sees of the world: streams, the width of the terminal, the environment. Tests bring their own.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace entropy::cli {

struct Console {
  std::ostream& out;                            // data
  std::ostream& err;                            // everything else
  std::size_t width = 0;                        // of the terminal, in columns; 0: tables are not shortened
  std::function<std::string(const char*)> env;  // empty where not set
  bool is_root = false;                         // where the data directory is by default
  std::istream* in = nullptr;                   // standard input, where a command reads it
  std::vector<std::string> command = {};        // what stands behind `--` of `run`
  bool interactive = false;                     // both ends are a terminal
  bool color = false;                           // `out` is a terminal that may be coloured
};

}  // namespace entropy::cli

// What a command sees of the world: streams, the width of the terminal, the environment. Tests bring their own.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

namespace entropy::cli {

struct Console {
  std::ostream& out;                            // data
  std::ostream& err;                            // everything else
  std::size_t width = 0;                        // of the terminal, in columns; 0: tables are not shortened
  std::function<std::string(const char*)> env;  // empty where not set
  bool is_root = false;                         // where the data directory is by default
};

}  // namespace entropy::cli

// A command that was understood is written as one line that is understood as the same command.
#include "program/command.hpp"

#include "check.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  const auto command = program::decode(input);
  if (!command) return;
  const std::string line = program::encode(*command);
  require(line.find('\n') == std::string::npos);
  require(program::decode(line) == *command);
}

}  // namespace entropy::fuzz

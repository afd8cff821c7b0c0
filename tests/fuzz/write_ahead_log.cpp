// A log that is whole is so wherever it is cut.
#include "store/write_ahead_log.hpp"

#include <sstream>

#include "check.hpp"

namespace entropy::fuzz {
namespace {

bool is_whole(std::string_view bytes) {
  std::istringstream log{std::string(bytes)};
  return store::fault_of_log(log).empty();
}

}  // namespace

void check(std::string_view input) {
  if (!is_whole(input)) return;
  for (const std::size_t parts : {2, 3, 7}) require(is_whole(input.substr(0, input.size() / parts)));
}

}  // namespace entropy::fuzz

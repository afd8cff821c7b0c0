#include "check.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace entropy::fuzz {

void require(bool holds, std::source_location where) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: the property does not hold\n", where.file_name(), where.line());
  std::abort();
}

}  // namespace entropy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  entropy::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}

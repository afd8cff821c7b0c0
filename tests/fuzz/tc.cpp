// Whatever is read of the kernel's qdiscs is written as what reads the same.
#include "kernel/tc.hpp"

#include "check.hpp"

namespace entropy::fuzz {

using namespace kernel;

void check(std::string_view input) {
  const View bytes(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  for (const auto& qdisc : tc::decode_qdiscs(bytes)) {
    if (std::holds_alternative<std::monostate>(qdisc.options)) continue;  // not as we make them
    Writer out;
    tc::add_qdisc(out, qdisc);
    require(tc::decode_qdiscs(out.bytes()) == std::vector{qdisc});
  }
}

}  // namespace entropy::fuzz

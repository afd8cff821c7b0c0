#include "failure/partition.hpp"

namespace entropy::failure {

const std::vector<Field<Partition>>& Partition::fields() {
  static const std::vector<Field<Partition>> table = with_filter<Partition>({
      field<&Partition::mode>("mode", Presence::optional, "drop in silence, or reject with a reset or an ICMP error"),
  });
  return table;
}

}  // namespace entropy::failure

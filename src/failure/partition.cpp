#include "failure/partition.hpp"

namespace entropy::failure {

const std::vector<Field<Partition>>& Partition::fields() {
  static const std::vector<Field<Partition>> table = {
      field<&Partition::mode>("mode", Presence::optional, "drop in silence, or reject with a reset or an ICMP error"),
      field<&Partition::direction>("direction", Presence::optional, "which way, seen from the target"),
  };
  return table;
}

}  // namespace entropy::failure

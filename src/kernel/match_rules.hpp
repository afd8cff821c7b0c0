// Which packets fit, as nftables' expressions: Match <-> the beginning of rules. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "kernel/match.hpp"
#include "kernel/nft.hpp"

namespace entropy::kernel {

using Expressions = std::vector<nft::Expression>;

enum class Direction { egress, ingress };

// The bytes of a number as it lies in memory.
template <class T>
Bytes value_of(T number) {
  const View bytes = bytes_of(number);
  return {bytes.begin(), bytes.end()};
}

Expressions protocol_is(std::uint8_t protocol);
Expressions network_protocol(std::uint32_t comparison, std::uint16_t ether_type);

// A packet fits if one of the alternatives holds. The sets that these look into are named after what is in them: other
// contents make another set, and so another rule.
struct Matching {
  std::vector<Expressions> alternatives;
  std::vector<nft::Set> sets;
};

// In family netdev, `interfaces` is left to the chain, which has one device.
Matching matching(const Match& match, nft::Family family, Direction direction);

}  // namespace entropy::kernel

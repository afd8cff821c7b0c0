// What name faults make of a packet that comes from a name server. Pure.
//
// Over TCP an answer keeps its length, or the rest of the stream would not fit any more: what is false about it has to
// have room in it. Answers are found at the beginning of a segment, where servers write them, and behind one another.
#pragma once

#include <optional>
#include <vector>

#include "kernel/netlink.hpp"
#include "kernel/state.hpp"

namespace entropy::kernel {

struct Fate {
  bool dropped = false;
  Duration delay{0};
  std::optional<Bytes> changed = {};  // the whole packet as it goes on
};

// `packet` begins with its IP header and is no fragment. What happens is counted by each fault's name.
Fate judge(View packet, const std::vector<NameFault>& faults, Tally& tally);

}  // namespace entropy::kernel

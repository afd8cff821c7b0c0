// Which part of what was counted and seen in the namespace is one fault's. Pure.
//
// A packet counts to every fault that it is for. What is lost of packets for which several faults are goes to those of
// them that lose packets, as what is held goes to those that hold them; only faults of one kind share.
#pragma once

#include "injector/merge.hpp"
#include "injector/observation.hpp"

namespace entropy::injector {

Sample share_of(const Part& part, const kernel::Tally& tally, const std::vector<kernel::TcpConnection>& connections);

}  // namespace entropy::injector

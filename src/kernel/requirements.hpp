// What a kernel can do, found out by rehearsing: nothing is changed.
#pragma once

#include "base/result.hpp"
#include "kernel/netlink.hpp"

namespace entropy::kernel {

// Whether the kernel and our rights are enough for owned tables; the error says what is missing. `socket` speaks
// NETLINK_NETFILTER.
Result<> check_kernel(NetlinkSocket& socket);

// Whether nftables can see packets that leave by a device (kernel 5.16); the error says so.
Result<> check_egress_hook(NetlinkSocket& socket);

// Whether nftables has its own queue expression; without it the one of x_tables has to do.
bool has_native_queue(NetlinkSocket& socket);

}  // namespace entropy::kernel

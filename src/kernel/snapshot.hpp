// What a network namespace holds, as lines that people read and that can be compared: before and after somebody was at
// work in it. Whoever made it; what comes and goes by itself (learned neighbours, counters, cached routes) is left out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/netlink.hpp"

namespace entropy::kernel {

// "link eth0 mtu 1500 up qdisc noqueue", "route blackhole 10.0.0.0/8 table 254", ...; sorted. Needs NET_ADMIN for
// nftables. What the legacy iptables modules hold is not seen.
Result<std::vector<std::string>> snapshot();

// The parts of it, from the kernel's answers; interfaces are called by `names`.
using LinkNames = std::map<std::uint32_t, std::string>;
LinkNames link_names(View answer);
std::vector<std::string> describe_links(View answer);
std::vector<std::string> describe_addresses(View answer, const LinkNames& names);
std::vector<std::string> describe_routes(View answer, const LinkNames& names);
std::vector<std::string> describe_policy_rules(View answer);
std::vector<std::string> describe_neighbours(View answer, const LinkNames& names);  // permanent ones
std::vector<std::string> describe_qdiscs(View answer, const LinkNames& names);
std::vector<std::string> describe_tables(View answer);
std::vector<std::string> describe_rules(View answer);

}  // namespace entropy::kernel

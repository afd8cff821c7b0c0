// Tables over a socket: read whole, changed in one batch.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "kernel/nft.hpp"

namespace entropy::kernel::nft {

// All tables of a name in this namespace, whoever owns them; their contents only where `socket` owns them.
Result<std::vector<Table>> read_tables(NetlinkSocket& socket, std::string_view name);

// All of the batch happens, or the error names the first thing that the kernel refused, with its reason.
Result<> commit(NetlinkSocket& socket, View batch);

}  // namespace entropy::kernel::nft

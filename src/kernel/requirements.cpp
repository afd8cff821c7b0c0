#include "kernel/requirements.hpp"

#include "base/text.hpp"
#include "kernel/nft_socket.hpp"

namespace entropy::kernel {
namespace {

constexpr std::string_view probe_table = "entropy-probe";

// Lets the kernel check a batch without an end, which it then forgets.
template <class Write>
Result<> rehearse(NetlinkSocket& socket, Write write) {
  Writer batch;
  nft::begin_batch(batch);
  write(batch);
  return nft::commit(socket, batch.bytes());
}

}  // namespace

Result<> check_kernel(NetlinkSocket& socket) {
  const auto owned = rehearse(socket, [](Writer& out) { nft::add_table(out, nft::Family::ipv4, probe_table); });
  if (!owned && owned.error().code == ErrorCode::permission) {
    return fail(context("changing nftables needs the capability NET_ADMIN", owned.error()));
  }
  if (!owned) {
    return fail(ErrorCode::unsupported, concat("this kernel lacks nftables tables that vanish with their owner "
                                               "(nf_tables, kernel 5.12 or later): ",
                                               owned.error().message));
  }
  return {};
}

Result<> check_egress_hook(NetlinkSocket& socket) {
  const auto hooked = rehearse(socket, [](Writer& out) {
    nft::add_table(out, nft::Family::netdev, probe_table);
    nft::add_chain(out, nft::Family::netdev, probe_table, {"probe", NF_NETDEV_EGRESS, 0, "lo", {}});
  });
  if (!hooked) {
    return fail(ErrorCode::unsupported, concat("this kernel lacks nftables' egress hook "
                                               "(NETFILTER_EGRESS, kernel 5.16 or later): ",
                                               hooked.error().message));
  }
  return {};
}

bool has_native_queue(NetlinkSocket& socket) {
  return rehearse(socket,
                  [](Writer& out) {
                    nft::add_table(out, nft::Family::ipv4, probe_table);
                    nft::add_chain(out, nft::Family::ipv4, probe_table, {"probe", NF_INET_POST_ROUTING, 0, {}, {}});
                    nft::add_rule(out, nft::Family::ipv4, probe_table, "probe", {"probe", {nft::Queue{0}}});
                  })
      .has_value();
}

}  // namespace entropy::kernel

// The nftables tables of this process in a namespace: made in one batch, kept alive, read back, counted, taken away.
#pragma once

#include <vector>

#include "kernel/nft_socket.hpp"
#include "kernel/ruleset.hpp"

namespace entropy::kernel {

// Owner of a netlink socket; with it all the tables vanish. One thread.
class OwnedTables {
 public:
  static Result<OwnedTables> open();

  NetlinkSocket& socket() { return socket_; }

  // What the kernel holds of ours.
  Result<std::vector<nft::Table>> read();
  // An error that names who else has tables of our name here.
  Result<> check_free();
  // The kernel holds just `tables` (and chains without rules): changed as far as it has to be, then read back. The set
  // of the living is to be renewed from now on.
  Result<> become(std::vector<nft::Table> tables);
  // New packets pass. To be followed by `remove`, also when this fails.
  Result<> drain();
  // No table is left, and nothing is to be renewed any more.
  Result<> remove();
  // Keeps the interfaces in one of the sets of the living, in turns; false if the kernel refuses.
  bool renew();

  void forget_counts() { past_.clear(); }
  // Of each chain by its name, also of rules that are gone.
  Result<Tally> counters();

 private:
  explicit OwnedTables(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Error explain(Error error);
  // From what the kernel holds to `tables`, without a moment in which a packet finds half of it.
  Result<> change(const std::vector<nft::Table>& kernel, const std::vector<nft::Table>& tables);

  NetlinkSocket socket_;
  std::vector<nft::Table> in_force_;
  std::size_t renewals_ = 0;
  Tally past_;  // counted by rules that are gone
};

}  // namespace entropy::kernel

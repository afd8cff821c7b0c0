// The backend for kernels with netem: loss, partition and the steering in nftables, delay and reordering in qdiscs.
//
// Qdiscs are made before the rules that send packets to them and removed after, so that without the rules (which vanish
// with their owner) they are harmless: what a dead owner left is taken over or removed by the next. A root qdisc that
// somebody else has put on an interface is never replaced: the state is refused.
//
// Kernels before 5.16 have no egress hook. There postrouting sends packets to the qdiscs, and a netem loses what is to
// be lost: of a TCP flow whole super-packets at a time, where the rules lose packets as they would be on the wire.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netem_plan.hpp"
#include "kernel/owning_backend.hpp"
#include "kernel/tc_socket.hpp"

namespace entropy::kernel {

enum class EgressHook { if_there, unused };

class NetemBackend final : public OwningBackend {
 public:
  // Tries whether this kernel and our rights are enough; the error says what is missing. Removes what a dead owner
  // left.
  static Result<std::unique_ptr<NetemBackend>> make(EgressHook hook = EgressHook::if_there);

  std::string name() const override { return "netem"; }
  Result<State> read_back() override;
  // Whether a state can be made here as things are now; changes nothing. `unsupported` where another backend might.
  Result<> check(const State& wanted);

 private:
  NetemBackend(OwnedTables tables, LinkWatch links, Surroundings surroundings, tc::TcSocket control)
      : OwningBackend(std::move(tables), std::move(links), std::move(surroundings)), control_(std::move(control)) {}

  Result<> become(const State& wanted) override;
  Result<> clear() override;
  void add_other_losses(Tally& chains) override;
  void add_losses_of(const std::vector<tc::Qdisc>& kernel, std::uint32_t device, Tally& chains) const;

  Result<std::vector<tc::Qdisc>> qdiscs_for(const State& wanted);
  Result<> make_qdiscs(const State& wanted, const std::vector<tc::Qdisc>& qdiscs);
  bool sends_to_qdiscs(const Traffic& egress) const;
  Result<> check_roots(const std::vector<tc::Qdisc>& kernel);
  Result<> remove_surplus(const std::vector<tc::Qdisc>& wanted);
  Losing losing_of_egress() const { return surroundings_.egress_hook ? Losing::rules : Losing::netem; }
  void wait_until_drained(const std::vector<tc::Qdisc>& roots);
  std::string name_of(std::uint32_t device) const;

  tc::TcSocket control_;
  std::vector<tc::Qdisc> qdiscs_;  // in force
  Tally dropped_before_;           // by qdiscs that are gone, by their chain
};

}  // namespace entropy::kernel

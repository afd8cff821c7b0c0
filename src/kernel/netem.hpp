// The backend for kernels with netem: loss, partition and the steering in nftables, delay and reordering in qdiscs.
//
// Qdiscs are made before the rules that send packets to them and removed after, so that without the rules (which vanish
// with their owner) they are harmless: what a dead owner left is taken over or removed by the next. A root qdisc that
// somebody else has put on an interface is never replaced: the state is refused.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netem_plan.hpp"
#include "kernel/owning_backend.hpp"
#include "kernel/tc_socket.hpp"

namespace entropy::kernel {

class NetemBackend final : public OwningBackend {
 public:
  // Tries whether this kernel and our rights are enough; the error says what is missing. Removes what a dead owner
  // left.
  static Result<std::unique_ptr<NetemBackend>> make();

  std::string name() const override { return "netem"; }
  Result<State> read_back() override;
  // Whether a state can be made here as things are now; changes nothing. `unsupported` where another backend might.
  Result<> check(const State& wanted);

 private:
  NetemBackend(OwnedTables tables, LinkWatch links, Surroundings surroundings, tc::TcSocket control)
      : OwningBackend(std::move(tables), std::move(links), std::move(surroundings)), control_(std::move(control)) {}

  Result<> become(const State& wanted) override;
  Result<> clear() override;

  Result<std::vector<tc::Qdisc>> qdiscs_for(const State& wanted);
  Result<> make_qdiscs(const State& wanted, const std::vector<tc::Qdisc>& qdiscs);
  Result<> check_roots(const std::vector<tc::Qdisc>& kernel);
  Result<> remove_surplus(const std::vector<tc::Qdisc>& wanted);
  void wait_until_drained(const std::vector<tc::Qdisc>& roots);
  std::string name_of(std::uint32_t device) const;

  tc::TcSocket control_;
  std::vector<tc::Qdisc> qdiscs_;  // in force
};

}  // namespace entropy::kernel

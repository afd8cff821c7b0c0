// What every backend that keeps its rules in owned tables does alike: attempts, renewal, new interfaces, counters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/backend.hpp"
#include "kernel/delay_line.hpp"
#include "kernel/links.hpp"
#include "kernel/name_queue.hpp"
#include "kernel/owned_tables.hpp"
#include "kernel/tcp_connections.hpp"

namespace entropy::kernel {

Instant monotonic_now();

class OwningBackend : public Backend {
 public:
  Result<> apply(const State& wanted) final;
  Result<State> read_back() override;
  Result<Tally> counters() final;
  std::vector<TcpConnection> connections() final { return tcp_.connections(); }
  std::vector<std::string> interfaces() final { return surroundings_.interfaces; }
  std::vector<int> file_descriptors() const override;
  // After what the derived class has to do at once: renews, and acts on interfaces that come and go.
  void on_ready() override;
  std::optional<Duration> until_due() const override;

 protected:
  OwningBackend(OwnedTables tables, LinkWatch links, Surroundings surroundings)
      : tables_(std::move(tables)), links_(std::move(links)), surroundings_(std::move(surroundings)) {}

  // Makes and reads back a state that isn't empty; what it refers to has just been found. `state_` is what was before.
  virtual Result<> become(const State& wanted) = 0;
  // Leaves nothing; `state_` is empty already.
  virtual Result<> clear() = 0;
  // Adds what the rules have not counted to the chains of the classes (`chain_of`).
  virtual void add_other_losses(Tally& chains) = 0;
  static std::string chain_of(bool egress, unsigned slot);

  Result<> find_interfaces();
  void renew();
  void renew_if_due();

  OwnedTables tables_;  // the owner of everything in the kernel that affects packets
  LinkWatch links_;
  std::vector<Link> found_;  // those that faults act on
  Surroundings surroundings_;
  State state_;  // in force

 private:
  Result<> establish(const State& wanted);
  Result<> attempt(const State& wanted);
  Result<> clear_all();
  Result<> listen_for_names(const State& wanted);
  void close_names();
  Result<> credit(const State& state);

  TcpWatch tcp_;
  std::optional<NameQueue> names_;  // only while names are to fail
  Tally tally_;                     // of what the chains have counted, and of names that fail no more
  Tally credited_;                  // of each chain, so much is in there
  Slots egress_slots_;              // of `state_`
  Slots ingress_slots_;
  Instant next_renewal_{};
  bool stale_ = false;  // the interfaces have changed and the rules not yet
};

// Whether programs may have IPv6 here.
bool ipv6_available();

}  // namespace entropy::kernel

// The backend for kernels without netem: loss and partition in nftables, delay and reordering in this process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/backend.hpp"
#include "kernel/delay_line.hpp"
#include "kernel/links.hpp"
#include "kernel/nfqueue.hpp"
#include "kernel/nft_socket.hpp"
#include "kernel/ruleset.hpp"

namespace entropy::kernel {

class UserspaceBackend final : public Backend {
 public:
  // Tries whether this kernel and our rights are enough; the error says what is missing.
  static Result<std::unique_ptr<Backend>> make();

  std::string name() const override { return "userspace"; }
  Result<> apply(const State& wanted) override;
  Result<State> read_back() override;
  Result<Counters> counters() override;
  std::vector<std::string> interfaces() override;
  std::vector<int> file_descriptors() const override;
  void on_ready() override;
  std::optional<Duration> until_due() const override;

 private:
  UserspaceBackend(NetlinkSocket tables, LinkWatch links, Surroundings surroundings);

  Result<> establish(const State& wanted);
  Result<> become(const State& wanted);
  Result<> clear();
  Result<std::vector<nft::Table>> own_tables();
  Error explain(Error error);
  Result<> find_interfaces();
  void renew();
  void receive_packets();
  void release(Instant now);
  void release_all(DelayLine& line, std::uint16_t queue, bool restore_mark);
  void release_what_is_not_held(const State& state);

  NetlinkSocket tables_;  // the owner of everything in the kernel
  LinkWatch links_;
  Surroundings surroundings_;
  std::optional<PacketQueues> queues_;  // only while something may be held
  DelayLine egress_;
  DelayLine ingress_;
  State state_;                       // in force
  std::vector<nft::Table> in_force_;  // what makes it
  Counters past_;                     // counted by rules that are gone
  Instant next_renewal_{};
  bool stale_ = false;  // the interfaces have changed and the rules not yet
  std::vector<QueuedPacket> arriving_;
  std::vector<HeldPacket> leaving_;
};

}  // namespace entropy::kernel

// The backend for kernels without netem: loss, partition and duplicates in nftables; what holds packets or judges them
// one by one in this process.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/delay_line.hpp"
#include "kernel/nfqueue.hpp"
#include "kernel/owning_backend.hpp"

namespace entropy::kernel {

class UserspaceBackend final : public OwningBackend {
 public:
  // Tries whether this kernel and our rights are enough; the error says what is missing.
  static Result<std::unique_ptr<Backend>> make();

  std::string name() const override { return "userspace"; }
  std::vector<int> file_descriptors() const override;
  void on_ready() override;
  std::optional<Duration> until_due() const override;

 private:
  UserspaceBackend(OwnedTables tables, LinkWatch links, Surroundings surroundings);

  Result<> become(const State& wanted) override;
  Result<> clear() override;
  void add_other_losses(Tally& chains) override;
  Result<> prepare_queues(const State& wanted);
  void configure_lines(const State& wanted);
  bool receive_packets();  // whether there may be more for now
  void release(Instant now);
  void release_what_is_not_held(const State& state);
  bool is_egress(std::uint16_t queue) const { return queue < surroundings_.ingress_queue; }

  std::optional<PacketQueues> queues_;  // only while something may be held
  // What happens to the packets of each queue.
  struct Line {
    DelayLine packets;
    Effect effect = {};
  };
  std::map<std::uint16_t, Line> lines_;
  std::vector<QueuedPacket> arriving_;
  std::vector<HeldPacket> leaving_;
  std::map<std::uint16_t, std::uint64_t> lost_;  // by us, of each queue
};

}  // namespace entropy::kernel

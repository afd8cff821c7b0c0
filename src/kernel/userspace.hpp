// The backend for kernels without netem: loss and partition in nftables, delay and reordering in this process.
#pragma once

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
  void receive_packets();
  void release(Instant now);
  void release_all(DelayLine& line, std::uint16_t queue, bool restore_mark);
  void release_what_is_not_held(const State& state);

  std::optional<PacketQueues> queues_;  // only while something may be held
  DelayLine egress_;
  DelayLine ingress_;
  std::vector<QueuedPacket> arriving_;
  std::vector<HeldPacket> leaving_;
};

}  // namespace entropy::kernel

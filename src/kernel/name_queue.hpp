// Packets that come from name servers, held in the kernel until they are judged and their time has come.
#pragma once

#include <optional>
#include <vector>

#include "kernel/name_answers.hpp"
#include "kernel/nfqueue.hpp"

namespace entropy::kernel {

// One queue with a number that is free in this namespace. What is held when it goes is dropped by the kernel: whoever
// asked asks again. One thread.
class NameQueue {
 public:
  static Result<NameQueue> open();

  int fd() const { return socket_.fd(); }
  std::uint16_t number() const { return number_; }

  // From now on; what is held already keeps its fate.
  void configure(std::vector<NameFault> faults) { faults_ = std::move(faults); }
  // Judges what has come, and lets go what is due.
  void on_ready(Instant now);
  // Everything goes on at once.
  void release_all();
  std::optional<Instant> next_due() const;
  const Tally& tally() const { return tally_; }

 private:
  struct Held {
    Instant due;
    std::uint32_t id = 0;
    std::optional<Bytes> changed;
  };

  explicit NameQueue(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<int> bind(std::uint16_t number);
  bool receive(Instant now);  // whether there may be more for now
  void take(const QueuedPacket& packet, Instant now);
  void accept(const Held& packet);

  NetlinkSocket socket_;
  std::uint16_t number_ = 0;
  Bytes buffer_;
  std::vector<NameFault> faults_;
  std::vector<Held> held_;  // by when they are due
  Tally tally_;
};

}  // namespace entropy::kernel

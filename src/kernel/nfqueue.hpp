// Packets that the kernel holds until we say so: NFQUEUE over netlink. Messages as values, and the socket.
//
// Source: include/uapi/linux/netfilter/nfnetlink_queue.h. Only metadata is copied to user space; the packets stay in
// the kernel, unsegmented.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernel/delay_line.hpp"
#include "kernel/netlink.hpp"

namespace entropy::kernel {

// A packet that has come to a queue.
struct QueuedPacket {
  std::uint16_t queue = 0;
  std::uint32_t id = 0;
  std::uint32_t mark = 0;
};

void write_bind(Writer& out, std::uint16_t queue);
void write_configuration(Writer& out, std::uint16_t queue);
// Lets a packet go on, with another mark if one is given.
void write_accept(Writer& out, std::uint16_t queue, std::uint32_t id, std::optional<std::uint32_t> mark);
// Nullopt for any message that is no packet.
std::optional<QueuedPacket> decode_packet(const Message& message);

// Two queues, one for each direction, whose numbers are free in this namespace. What is held when it goes is dropped
// by the kernel. One thread.
class PacketQueues {
 public:
  static Result<PacketQueues> open();

  int fd() const { return socket_.fd(); }
  std::uint16_t egress() const { return egress_; }
  std::uint16_t ingress() const { return ingress_; }

  // Appends packets that have come, some hundreds at most; false when there are no more for now.
  bool receive(std::vector<QueuedPacket>& packets);
  void accept(std::uint16_t queue, std::span<const HeldPacket> packets, bool restore_mark);

 private:
  explicit PacketQueues(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<std::uint16_t> bind_free(std::uint16_t first);

  NetlinkSocket socket_;
  Bytes buffer_;
  Writer verdicts_;
  std::uint16_t egress_ = 0;
  std::uint16_t ingress_ = 0;
};

}  // namespace entropy::kernel

// Packets that the kernel holds until we say so: NFQUEUE over netlink. Messages as values, and the socket.
//
// Source: include/uapi/linux/netfilter/nfnetlink_queue.h. The packets stay in the kernel; as little as possible of them
// is copied to user space.
#pragma once

#include <cstdint>
#include <map>
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
  std::size_t length = 0;  // 0 where only metadata is copied
  View payload = {};       // within what was received
};

// How much of each packet is copied: nothing, so that TCP's super-packets stay whole; or, of packets as they are on the
// wire, their length alone or everything.
enum class QueueMode { metadata, lengths, packets };

// For announcements: a burst of them finds room, and where there is none packets are lost, as in a full queue, instead
// of reads that fail.
Result<NetlinkSocket> open_queue_socket();

void write_bind(Writer& out, std::uint16_t queue);
void write_configuration(Writer& out, std::uint16_t queue, QueueMode mode);
// Lets a packet go on, with another mark if one is given, and with other contents.
void write_accept(Writer& out, std::uint16_t queue, std::uint32_t id, std::optional<std::uint32_t> mark,
                  View contents = {});
void write_drop(Writer& out, std::uint16_t queue, std::uint32_t id);
// Nullopt for any message that is no packet.
std::optional<QueuedPacket> decode_packet(const Message& message);

// Queues with numbers that are free in this namespace, `most_classes` from `egress` and as many from `ingress` on. What
// is held when it goes is dropped by the kernel. One thread.
class PacketQueues {
 public:
  static Result<PacketQueues> open();

  int fd() const { return socket_.fd(); }
  std::uint16_t egress() const { return first_; }
  std::uint16_t ingress() const { return static_cast<std::uint16_t>(first_ + most_classes); }

  // Packets may come to it from now on, copied in this way.
  Result<> prepare(std::uint16_t queue, QueueMode mode);

  // Appends packets that have come, some hundreds at most; false when there are no more for now. What they refer to is
  // valid until the next call.
  bool receive(std::vector<QueuedPacket>& packets);
  void accept(std::uint16_t queue, std::span<const HeldPacket> packets, bool restore_mark);
  void drop(std::uint16_t queue, std::uint32_t id);
  // Sends the drops.
  void flush();

 private:
  explicit PacketQueues(NetlinkSocket socket) : socket_(std::move(socket)) {}
  // Zero or errno. Packets are announced on the same socket meanwhile: those are kept for `receive`.
  Result<int> configure(std::uint16_t queue, QueueMode mode, bool bind);

  NetlinkSocket socket_;
  Bytes early_;  // announcements that came before the answer to a configuration
  Bytes told_;   // those of them that the last `receive` told of
  Bytes buffer_;
  std::size_t slot_ = 0;  // bytes of the buffer for one announcement
  Writer verdicts_;
  std::uint16_t first_ = 0;
  std::map<std::uint16_t, QueueMode> prepared_;
};

}  // namespace entropy::kernel

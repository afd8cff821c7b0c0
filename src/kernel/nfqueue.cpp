#include "kernel/nfqueue.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <tuple>

#include "base/text.hpp"

namespace entropy::kernel {
namespace {

constexpr std::uint16_t message_type(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_QUEUE << 8 | message);
}

constexpr std::uint16_t first_number = 0xe470;  // far from the low numbers that people choose
constexpr std::uint16_t numbers_tried = 64;
constexpr std::uint32_t longest_queue = 1 << 20;
// Room for announcements of packets. Only a limit: memory is used while they wait to be read.
constexpr int receive_buffer = 64 << 20;
// An announcement without packet data is below 200 bytes.
constexpr std::size_t slot = 512;
constexpr std::size_t slots = 64;
// One write with this much of verdicts is long enough to make system calls cheap.
constexpr std::size_t batch_bytes = 16384;

void begin(Writer& out, int message, std::uint16_t queue) {
  const nfgenmsg head = {AF_UNSPEC, NFNETLINK_V0, htons(queue)};
  out.begin(message_type(message), 0, bytes_of(head));
}

}  // namespace

void write_bind(Writer& out, std::uint16_t queue) {
  begin(out, NFQNL_MSG_CONFIG, queue);
  const nfqnl_msg_config_cmd command = {NFQNL_CFG_CMD_BIND, 0, htons(AF_UNSPEC)};
  out.put(NFQA_CFG_CMD, bytes_of(command));
}

void write_configuration(Writer& out, std::uint16_t queue) {
  begin(out, NFQNL_MSG_CONFIG, queue);
  const nfqnl_msg_config_params parameters = {htonl(0), NFQNL_COPY_META};
  out.put(NFQA_CFG_PARAMS, bytes_of(parameters));
  out.u32(NFQA_CFG_QUEUE_MAXLEN, longest_queue);
  out.u32(NFQA_CFG_FLAGS, NFQA_CFG_F_GSO);
  out.u32(NFQA_CFG_MASK, NFQA_CFG_F_GSO);
}

void write_accept(Writer& out, std::uint16_t queue, std::uint32_t id, std::optional<std::uint32_t> mark) {
  begin(out, NFQNL_MSG_VERDICT, queue);
  const nfqnl_msg_verdict_hdr verdict = {htonl(NF_ACCEPT), htonl(id)};
  out.put(NFQA_VERDICT_HDR, bytes_of(verdict));
  if (mark) out.u32(NFQA_MARK, *mark);
}

std::optional<QueuedPacket> decode_packet(const Message& message) {
  if (message.type != message_type(NFQNL_MSG_PACKET)) return std::nullopt;
  const auto head = read_struct<nfgenmsg>(message.payload);
  const View attributes = attributes_behind(message.payload, sizeof(nfgenmsg));
  const auto bytes = find(attributes, NFQA_PACKET_HDR);
  const auto packet = bytes ? read_struct<nfqnl_msg_packet_hdr>(*bytes) : std::nullopt;
  if (!head || !packet) return std::nullopt;
  // A packet without a mark is announced without the attribute.
  return QueuedPacket{ntohs(head->res_id), ntohl(packet->packet_id), find_u32(attributes, NFQA_MARK).value_or(0)};
}

Result<PacketQueues> PacketQueues::open() {
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return fail(socket.error());
  const int on = 1;
  // A full buffer then loses packets, as a full queue does, instead of making reads fail.
  ::setsockopt(socket->fd(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
  ::setsockopt(socket->fd(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
  PacketQueues queues(std::move(*socket));
  const auto egress = queues.bind_free(first_number);
  if (!egress) return fail(egress.error());
  const auto ingress = queues.bind_free(static_cast<std::uint16_t>(*egress + 1));
  if (!ingress) return fail(ingress.error());
  queues.egress_ = *egress;
  queues.ingress_ = *ingress;
  queues.buffer_.resize(slot * slots);
  return queues;
}

Result<std::uint16_t> PacketQueues::bind_free(std::uint16_t first) {
  int error = EBUSY;
  for (std::uint16_t i = 0; i < numbers_tried; ++i) {
    const auto number = static_cast<std::uint16_t>(first + i);
    Writer request;
    write_bind(request, number);
    write_configuration(request, number);
    const auto refusal = socket_.request(request.bytes());
    if (!refusal) return fail(refusal.error());
    if (!*refusal) return number;
    error = (*refusal)->error;
    if (error != EBUSY) break;
  }
  return fail(errno_error("can't get packets from the kernel (NFQUEUE, nfnetlink_queue)", error));
}

bool PacketQueues::receive(std::vector<QueuedPacket>& packets) {
  std::array<mmsghdr, slots> headers = {};
  std::array<iovec, slots> vectors = {};
  for (std::size_t i = 0; i < slots; ++i) {
    vectors[i] = {&buffer_[i * slot], slot};
    headers[i].msg_hdr.msg_iov = &vectors[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  const int got = ::recvmmsg(fd(), headers.data(), slots, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < got; ++i) {
    const auto at = static_cast<std::size_t>(i);
    View rest = View(buffer_).subspan(at * slot, headers[at].msg_len);
    while (const auto message = next_message(rest)) {
      if (const auto packet = decode_packet(*message)) packets.push_back(*packet);
    }
  }
  return got == static_cast<int>(slots);
}

void PacketQueues::accept(std::uint16_t queue, std::span<const HeldPacket> packets, bool restore_mark) {
  const auto flush = [this] {
    // A packet that the kernel has dropped meanwhile is refused; the answer is read and passed over by `receive`.
    if (!verdicts_.bytes().empty()) std::ignore = socket_.send(verdicts_.bytes());
    verdicts_.clear();
  };
  for (const auto& packet : packets) {
    write_accept(verdicts_, queue, packet.id, restore_mark ? std::optional(packet.mark) : std::nullopt);
    if (verdicts_.bytes().size() > batch_bytes) flush();
  }
  flush();
}

}  // namespace entropy::kernel

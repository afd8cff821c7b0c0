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
#include <utility>

#include "base/text.hpp"

namespace entropy::kernel {
namespace {

constexpr std::uint16_t message_type(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_QUEUE << 8 | message);
}

constexpr std::uint16_t first_number = 0xe470;  // far from the low numbers that people choose
constexpr std::uint16_t firsts_tried = 32;
constexpr std::uint32_t longest_queue = 1 << 20;
// Room for announcements of packets. Only a limit: memory is used while they wait to be read.
constexpr int receive_buffer = 64 << 20;
// An announcement without packet data is below 200 bytes.
constexpr std::size_t small_slot = 512;
constexpr std::size_t large_slot = small_slot + 65536;
constexpr std::size_t slots = 64;
constexpr std::size_t large_slots = 16;
// One write with this much of verdicts is long enough to make system calls cheap.
constexpr std::size_t batch_bytes = 16384;

void begin(Writer& out, int message, std::uint16_t queue) {
  const nfgenmsg head = {AF_UNSPEC, NFNETLINK_V0, htons(queue)};
  out.begin(message_type(message), 0, bytes_of(head));
}

// Also an acknowledgement; not of a verdict, which is refused where the kernel has dropped the packet meanwhile.
std::optional<nlmsgerr> answer_to_configuration(const Message& message) {
  if (message.type != NLMSG_ERROR) return std::nullopt;
  const auto answer = read_struct<nlmsgerr>(message.payload);
  return answer && answer->msg.nlmsg_type == message_type(NFQNL_MSG_CONFIG) ? answer : std::nullopt;
}

void append_packets(View datagrams, std::vector<QueuedPacket>& packets) {
  while (const auto message = next_message(datagrams)) {
    if (const auto packet = decode_packet(*message)) packets.push_back(*packet);
  }
}

}  // namespace

Result<NetlinkSocket> open_queue_socket() {
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket;
  const int on = 1;
  ::setsockopt(socket->fd(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
  ::setsockopt(socket->fd(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
  return socket;
}

void write_bind(Writer& out, std::uint16_t queue) {
  begin(out, NFQNL_MSG_CONFIG, queue);
  const nfqnl_msg_config_cmd command = {NFQNL_CFG_CMD_BIND, 0, htons(AF_UNSPEC)};
  out.put(NFQA_CFG_CMD, bytes_of(command));
}

void write_configuration(Writer& out, std::uint16_t queue, QueueMode mode) {
  begin(out, NFQNL_MSG_CONFIG, queue);
  constexpr std::uint32_t all = 0xffff;
  const std::uint32_t range = mode == QueueMode::packets ? all : mode == QueueMode::lengths ? 1 : 0;
  const std::uint8_t copies = mode == QueueMode::metadata ? NFQNL_COPY_META : NFQNL_COPY_PACKET;
  const nfqnl_msg_config_params parameters = {htonl(range), copies};
  out.put(NFQA_CFG_PARAMS, bytes_of(parameters));
  out.u32(NFQA_CFG_QUEUE_MAXLEN, longest_queue);
  out.u32(NFQA_CFG_FLAGS, mode == QueueMode::metadata ? NFQA_CFG_F_GSO : 0);
  out.u32(NFQA_CFG_MASK, NFQA_CFG_F_GSO);
}

void write_accept(Writer& out, std::uint16_t queue, std::uint32_t id, std::optional<std::uint32_t> mark,
                  View contents) {
  begin(out, NFQNL_MSG_VERDICT, queue);
  const nfqnl_msg_verdict_hdr verdict = {htonl(NF_ACCEPT), htonl(id)};
  out.put(NFQA_VERDICT_HDR, bytes_of(verdict));
  if (mark) out.u32(NFQA_MARK, *mark);
  if (!contents.empty()) out.put(NFQA_PAYLOAD, contents);
}

void write_drop(Writer& out, std::uint16_t queue, std::uint32_t id) {
  begin(out, NFQNL_MSG_VERDICT, queue);
  const nfqnl_msg_verdict_hdr verdict = {htonl(NF_DROP), htonl(id)};
  out.put(NFQA_VERDICT_HDR, bytes_of(verdict));
}

std::optional<QueuedPacket> decode_packet(const Message& message) {
  if (message.type != message_type(NFQNL_MSG_PACKET)) return std::nullopt;
  const auto head = read_struct<nfgenmsg>(message.payload);
  const View attributes = attributes_behind(message.payload, sizeof(nfgenmsg));
  const auto bytes = find(attributes, NFQA_PACKET_HDR);
  const auto packet = bytes ? read_struct<nfqnl_msg_packet_hdr>(*bytes) : std::nullopt;
  if (!head || !packet) return std::nullopt;
  // A packet without a mark is announced without the attribute, and one that is copied whole without its length.
  const View payload = find(attributes, NFQA_PAYLOAD).value_or(View{});
  const std::size_t length = find_u32(attributes, NFQA_CAP_LEN).value_or(static_cast<std::uint32_t>(payload.size()));
  return QueuedPacket{ntohs(head->res_id), ntohl(packet->packet_id), find_u32(attributes, NFQA_MARK).value_or(0),
                      length, payload};
}

Result<PacketQueues> PacketQueues::open() {
  auto socket = open_queue_socket();
  if (!socket) return fail(socket.error());
  PacketQueues queues(std::move(*socket));
  int error = EPERM;  // for a number of another process as for want of the right
  for (std::uint16_t i = 0; i < firsts_tried && error == EPERM; ++i) {
    queues.first_ = static_cast<std::uint16_t>(first_number + i * 2 * most_classes);
    const auto bound = queues.configure(queues.first_, QueueMode::metadata, true);
    if (!bound) return fail(bound.error());
    error = *bound;
  }
  if (error != 0) return fail(errno_error("can't get packets from the kernel (NFQUEUE, nfnetlink_queue)", error));
  queues.prepared_.emplace(queues.first_, QueueMode::metadata);
  queues.slot_ = small_slot;
  queues.buffer_.resize(small_slot * slots);
  return queues;
}

Result<int> PacketQueues::configure(std::uint16_t queue, QueueMode mode, bool bind) {
  Writer request;
  if (bind) write_bind(request, queue);
  write_configuration(request, queue, mode);
  request.flag(NLM_F_ACK);
  if (const auto sent = socket_.send(request.bytes()); !sent) return fail(sent.error());
  Bytes datagram(large_slot);
  int error = 0;
  while (true) {
    const auto got = socket_.receive(datagram);
    if (!got) return fail(got.error());
    View rest = View(datagram).first(*got);
    const auto message = next_message(rest);
    if (!message) return error;
    const auto answer = answer_to_configuration(*message);
    if (!answer) {
      early_.insert(early_.end(), datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(*got));
      early_.resize(NLMSG_ALIGN(early_.size()));
      continue;
    }
    if (error == 0) error = -answer->error;
    if (answer->msg.nlmsg_seq == request.sequence()) return error;
  }
}

Result<> PacketQueues::prepare(std::uint16_t queue, QueueMode mode) {
  if (mode == QueueMode::packets && slot_ != large_slot) {
    slot_ = large_slot;
    buffer_.resize(large_slot * large_slots);
  }
  const auto known = prepared_.find(queue);
  if (known != prepared_.end() && known->second == mode) return {};
  const auto configured = configure(queue, mode, known == prepared_.end());
  if (!configured) return fail(configured.error());
  if (*configured != 0)
    return fail(errno_error(concat("can't get packets from the kernel's queue ", queue), *configured));
  prepared_.insert_or_assign(queue, mode);
  return {};
}

bool PacketQueues::receive(std::vector<QueuedPacket>& packets) {
  told_ = std::exchange(early_, {});
  append_packets(told_, packets);
  std::array<mmsghdr, slots> headers = {};
  std::array<iovec, slots> vectors = {};
  const std::size_t count = buffer_.size() / slot_;
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {&buffer_[i * slot_], slot_};
    headers[i].msg_hdr.msg_iov = &vectors[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  const int got = ::recvmmsg(fd(), headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT, nullptr);
  for (int i = 0; i < got; ++i) {
    const auto at = static_cast<std::size_t>(i);
    append_packets(View(buffer_).subspan(at * slot_, headers[at].msg_len), packets);
  }
  return got == static_cast<int>(count);
}

void PacketQueues::accept(std::uint16_t queue, std::span<const HeldPacket> packets, bool restore_mark) {
  for (const auto& packet : packets) {
    write_accept(verdicts_, queue, packet.id, restore_mark ? std::optional(packet.mark) : std::nullopt,
                 packet.changed ? View(*packet.changed) : View{});
    if (verdicts_.bytes().size() > batch_bytes) flush();
  }
  flush();
}

void PacketQueues::drop(std::uint16_t queue, std::uint32_t id) {
  write_drop(verdicts_, queue, id);
  if (verdicts_.bytes().size() > batch_bytes) flush();
}

void PacketQueues::flush() {
  // A packet that the kernel has dropped meanwhile is refused; the answer is read and passed over by `receive`.
  if (!verdicts_.bytes().empty()) std::ignore = socket_.send(verdicts_.bytes());
  verdicts_.clear();
}

}  // namespace entropy::kernel

#include "kernel/name_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <tuple>

namespace entropy::kernel {
namespace {

constexpr std::uint16_t first_number = 0xe3f0;  // below those of PacketQueues
constexpr std::uint16_t numbers_tried = 32;
constexpr std::size_t largest_announcement = 65536 + 512;
constexpr int packets_at_once = 64;  // so that a flood of answers does not keep the owner from its other work

}  // namespace

Result<NameQueue> NameQueue::open() {
  auto socket = open_queue_socket();
  if (!socket) return fail(socket.error());
  NameQueue queue(std::move(*socket));
  int error = EPERM;  // for a number of another process as for want of the right
  for (std::uint16_t i = 0; i < numbers_tried && error == EPERM; ++i) {
    queue.number_ = static_cast<std::uint16_t>(first_number + i);
    const auto bound = queue.bind(queue.number_);
    if (!bound) return fail(bound.error());
    error = *bound;
  }
  if (error != 0) return fail(errno_error("can't get answers of name servers (NFQUEUE, nfnetlink_queue)", error));
  queue.buffer_.resize(largest_announcement);
  return std::move(queue);
}

// Zero or errno.
Result<int> NameQueue::bind(std::uint16_t number) {
  Writer request;
  write_bind(request, number);
  write_configuration(request, number, QueueMode::packets);
  const auto refusal = socket_.request(request.bytes());
  if (!refusal) return fail(refusal.error());
  return *refusal ? (*refusal)->error : 0;
}

bool NameQueue::receive(Instant now) {
  for (int i = 0; i < packets_at_once; ++i) {
    const auto length = socket_.receive(buffer_);
    if (!length || *length == 0) return false;
    View rest = View(buffer_).first(*length);
    while (const auto message = next_message(rest)) {
      if (const auto packet = decode_packet(*message)) take(*packet, now);
    }
  }
  return true;
}

void NameQueue::on_ready(Instant now) {
  receive(now);
  auto next = held_.begin();
  for (; next != held_.end() && next->due <= now; ++next) accept(*next);
  held_.erase(held_.begin(), next);
}

void NameQueue::take(const QueuedPacket& packet, Instant now) {
  Fate fate = judge(packet.payload, faults_, tally_);
  if (!fate.dropped) {
    const Instant due = now + fate.delay;
    const auto place = std::ranges::upper_bound(held_, due, {}, &Held::due);
    held_.insert(place, {due, packet.id, std::move(fate.changed)});
    return;
  }
  Writer verdict;
  write_drop(verdict, number_, packet.id);
  std::ignore = socket_.send(verdict.bytes());
}

void NameQueue::accept(const Held& packet) {
  Writer verdict;
  write_accept(verdict, number_, packet.id, std::nullopt, packet.changed ? View(*packet.changed) : View{});
  std::ignore = socket_.send(verdict.bytes());
}

void NameQueue::release_all() {
  faults_.clear();
  while (receive({})) {
  }
  for (const auto& packet : held_) accept(packet);
  held_.clear();
}

std::optional<Instant> NameQueue::next_due() const {
  return held_.empty() ? std::nullopt : std::optional(held_.front().due);
}

}  // namespace entropy::kernel

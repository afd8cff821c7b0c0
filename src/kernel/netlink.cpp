#include "kernel/netlink.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <cstring>

namespace entropy::kernel {
namespace {

constexpr std::size_t alignment = NLMSG_ALIGNTO;
constexpr std::size_t aligned(std::size_t length) { return (length + alignment - 1) & ~(alignment - 1); }

// Enough for any answer: the kernel makes dump datagrams of at most 32 KiB for a reader that asks with this much.
constexpr std::size_t receive_size = 32768;
// The kernel refuses a datagram larger than the send buffer, and a batch for many interfaces is one datagram.
constexpr int send_buffer = 4 << 20;

// Drops what lies at the front, and the padding behind it if there is any (the last one may come without).
void drop_front(View& rest, std::size_t length) { rest = rest.subspan(std::min(aligned(length), rest.size())); }

template <class T>
std::optional<T> find_number(View attributes, std::uint16_t type) {
  const auto value = find(attributes, type);
  if (!value || value->size() != sizeof(T)) return std::nullopt;
  T number = 0;
  for (const std::uint8_t byte : *value) number = static_cast<T>(number << 8 | byte);
  return number;
}

}  // namespace

void Writer::append(View value) {
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  bytes_.resize(aligned(bytes_.size()));
}

void Writer::update_length() {
  const auto length = static_cast<std::uint32_t>(bytes_.size() - start_);
  std::memcpy(&bytes_[start_ + offsetof(nlmsghdr, nlmsg_len)], &length, sizeof length);
}

void Writer::begin(std::uint16_t type, std::uint16_t flags, View header) {
  start_ = bytes_.size();
  const nlmsghdr head = {0, type, static_cast<std::uint16_t>(flags | NLM_F_REQUEST), ++sequence_, 0};
  append(bytes_of(head));
  append(header);
  update_length();
}

void Writer::flag(std::uint16_t flags) {
  const std::size_t at = start_ + offsetof(nlmsghdr, nlmsg_flags);
  std::uint16_t value = 0;
  std::memcpy(&value, &bytes_[at], sizeof value);
  value = static_cast<std::uint16_t>(value | flags);
  std::memcpy(&bytes_[at], &value, sizeof value);
}

void Writer::put(std::uint16_t type, View value) {
  const nlattr head = {static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
  append(bytes_of(head));
  append(value);
  update_length();
}

void Writer::u32(std::uint16_t type, std::uint32_t value) {
  const std::uint32_t big_endian = htonl(value);
  put(type, bytes_of(big_endian));
}

void Writer::u64(std::uint16_t type, std::uint64_t value) {
  const std::uint64_t big_endian = std::endian::native == std::endian::little ? std::byteswap(value) : value;
  put(type, bytes_of(big_endian));
}

void Writer::text(std::uint16_t type, std::string_view value) {
  Bytes bytes(value.begin(), value.end());
  bytes.push_back(0);
  put(type, bytes);
}

std::size_t Writer::open_nest(std::uint16_t type) {
  const std::size_t start = bytes_.size();
  put(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
  return start;
}

void Writer::close_nest(std::size_t start) {
  const auto length = static_cast<std::uint16_t>(bytes_.size() - start);
  std::memcpy(&bytes_[start + offsetof(nlattr, nla_len)], &length, sizeof length);
}

void Writer::clear() {
  bytes_.clear();
  start_ = 0;
  sequence_ = 0;
}

std::optional<Message> next_message(View& rest) {
  const auto head = read_struct<nlmsghdr>(rest);
  if (!head || head->nlmsg_len < sizeof(nlmsghdr) || head->nlmsg_len > rest.size()) return std::nullopt;
  const Message message = {head->nlmsg_type, head->nlmsg_flags, head->nlmsg_seq,
                           rest.subspan(sizeof(nlmsghdr), head->nlmsg_len - sizeof(nlmsghdr))};
  drop_front(rest, head->nlmsg_len);
  return message;
}

std::optional<Attribute> next_attribute(View& rest) {
  const auto head = read_struct<nlattr>(rest);
  if (!head || head->nla_len < sizeof(nlattr) || head->nla_len > rest.size()) return std::nullopt;
  const Attribute attribute = {static_cast<std::uint16_t>(head->nla_type & NLA_TYPE_MASK),
                               rest.subspan(sizeof(nlattr), head->nla_len - sizeof(nlattr))};
  drop_front(rest, head->nla_len);
  return attribute;
}

View attributes_behind(View payload, std::size_t header_size) {
  return payload.subspan(std::min(aligned(header_size), payload.size()));
}

std::optional<View> find(View attributes, std::uint16_t type) {
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type == type) return attribute->value;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> find_u32(View attributes, std::uint16_t type) {
  return find_number<std::uint32_t>(attributes, type);
}

std::optional<std::uint64_t> find_u64(View attributes, std::uint16_t type) {
  return find_number<std::uint64_t>(attributes, type);
}

std::optional<std::string> find_text(View attributes, std::uint16_t type) {
  const auto value = find(attributes, type);
  if (!value) return std::nullopt;
  return std::string(value->begin(), std::find(value->begin(), value->end(), 0));
}

std::optional<Refusal> refusal_of(const Message& message) {
  if (message.type != NLMSG_ERROR) return std::nullopt;
  const auto head = read_struct<nlmsgerr>(message.payload);
  if (!head || head->error >= 0 || head->error == INT_MIN) return std::nullopt;
  Refusal refusal = {head->msg.nlmsg_seq, -head->error, {}};
  if (message.flags & NLM_F_ACK_TLVS) {
    const View attributes = attributes_behind(message.payload, sizeof(nlmsgerr));
    refusal.words = find_text(attributes, NLMSGERR_ATTR_MSG).value_or("");
  }
  return refusal;
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol, std::uint32_t groups) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) return fail(errno_error("can't open a netlink socket", errno));
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  socklen_t length = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) < 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) < 0) {
    return fail(errno_error("can't bind a netlink socket", errno));
  }
  const int on = 1;
  // Short answers with the kernel's own words; both are a convenience and may be missing.
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof send_buffer);
  return NetlinkSocket(std::move(fd), address.nl_pid);
}

Result<> NetlinkSocket::send(View bytes) {
  while (::send(fd(), bytes.data(), bytes.size(), 0) < 0) {
    if (errno != EINTR) return fail(errno_error("can't send over netlink", errno));
  }
  return {};
}

Result<std::size_t> NetlinkSocket::receive(std::span<std::uint8_t> buffer) {
  while (true) {
    const ssize_t got = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return fail(errno_error("can't read from netlink", errno));
  }
}

void NetlinkSocket::discard_pending() {
  std::uint8_t byte = 0;
  while (::recv(fd(), &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
  }
}

Result<std::optional<Refusal>> NetlinkSocket::request(View bytes) {
  discard_pending();
  if (const auto sent = send(bytes); !sent) return fail(sent.error());
  std::optional<Refusal> first;
  Bytes buffer(receive_size);
  while (true) {
    const auto got = receive(buffer);
    if (!got) return fail(got.error());
    if (*got == 0) return first;
    View rest = View(buffer).first(*got);
    while (const auto message = next_message(rest)) {
      if (auto refusal = refusal_of(*message); refusal && !first) first = std::move(refusal);
    }
  }
}

// True when the answer is whole, false when it has to be asked for again.
Result<bool> NetlinkSocket::dump_once(View request, const std::function<void(View)>& use) {
  discard_pending();
  if (const auto sent = send(request); !sent) return fail(sent.error());
  Bytes buffer(receive_size);
  bool consistent = true;
  while (true) {
    const auto got = receive(buffer);
    if (!got) return fail(got.error());
    if (*got == 0) return fail(ErrorCode::protocol, "a netlink dump ended early");
    View rest = View(buffer).first(*got);
    use(rest);
    while (const auto message = next_message(rest)) {
      if (message->flags & NLM_F_DUMP_INTR) consistent = false;
      if (message->type == NLMSG_DONE) return consistent;
      if (const auto refusal = refusal_of(*message)) {
        if (refusal->error == EINTR || refusal->error == EAGAIN) return false;
        if (refusal->error == ENOENT) return true;  // what was to be dumped is not there: nothing to tell
        return fail(errno_error("netlink dump", refusal->error));
      }
    }
  }
}

Result<Bytes> NetlinkSocket::dump(View request) {
  constexpr int attempts = 16;  // other programs change their tables too, but not for ever
  for (int i = 0; i < attempts; ++i) {
    Bytes answer;
    const auto whole = dump_once(request, [&](View datagram) {
      answer.insert(answer.end(), datagram.begin(), datagram.end());
      answer.resize(aligned(answer.size()));
    });
    if (!whole) return fail(whole.error());
    if (*whole) return answer;
  }
  return fail(ErrorCode::unavailable, "the kernel's tables kept changing while they were read");
}

Result<> NetlinkSocket::dump(View request, const std::function<void(View)>& use) {
  const auto done = dump_once(request, use);
  return done ? Result<>() : fail(done.error());
}

}  // namespace entropy::kernel

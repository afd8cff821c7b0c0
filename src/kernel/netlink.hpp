// Netlink messages as bytes, built and taken apart without a socket, and the socket that carries them.
//
// Layout: netlink(7); attributes: include/uapi/linux/netlink.h. What arrives is never trusted: every length is checked
// against the bytes there are, and what does not fit reads as absent.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace entropy::kernel {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

// The bytes of a plain struct of the kernel's.
template <class T>
View bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

// Builds one or more messages, one after the other. Numbers in attributes are big-endian, as nfnetlink has them.
class Writer {
 public:
  // Starts a message; `header` is the family's own (nfgenmsg, ifinfomsg). Messages are numbered from 1.
  void begin(std::uint16_t type, std::uint16_t flags, View header);
  void put(std::uint16_t type, View value);
  void u32(std::uint16_t type, std::uint32_t value);
  void u64(std::uint16_t type, std::uint64_t value);
  void text(std::uint16_t type, std::string_view value);  // with its final NUL
  template <class Body>
  void nest(std::uint16_t type, Body body) {
    const std::size_t start = open_nest(type);
    body();
    close_nest(start);
  }
  // Sets further flags (NLM_F_...) on the message begun last.
  void flag(std::uint16_t flags);

  View bytes() const { return bytes_; }
  std::uint32_t sequence() const { return sequence_; }  // of the message begun last
  void clear();

 private:
  std::size_t open_nest(std::uint16_t type);
  void close_nest(std::size_t start);
  void append(View value);
  void update_length();

  Bytes bytes_;
  std::size_t start_ = 0;
  std::uint32_t sequence_ = 0;
};

struct Message {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  View payload;  // behind the netlink header
};

struct Attribute {
  std::uint16_t type = 0;  // without the flags for nesting and byte order
  View value;
};

// The first message or attribute of `rest`, which then begins behind it; nullopt at the end and at anything malformed.
std::optional<Message> next_message(View& rest);
std::optional<Attribute> next_attribute(View& rest);

// Attributes behind a family header of `header_size` bytes; empty if there are none.
View attributes_behind(View payload, std::size_t header_size);

// The first attribute of a type. The numbers are present only in their exact length.
std::optional<View> find(View attributes, std::uint16_t type);
std::optional<std::uint32_t> find_u32(View attributes, std::uint16_t type);
std::optional<std::uint64_t> find_u64(View attributes, std::uint16_t type);
std::optional<std::string> find_text(View attributes, std::uint16_t type);  // up to the first NUL

// A plain struct at the start of `bytes`.
template <class T>
std::optional<T> read_struct(View bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::copy_n(bytes.data(), sizeof(T), reinterpret_cast<std::uint8_t*>(&value));
  return value;
}

// What the kernel refused: which message (by its sequence), why, and its own words where it has some.
struct Refusal {
  std::uint32_t sequence = 0;
  int error = 0;  // errno
  std::string words;
};
// The refusal in an NLMSG_ERROR message; nullopt for a plain acknowledgement and any other message.
std::optional<Refusal> refusal_of(const Message& message);

// One netlink socket, close-on-exec, bound to a port of the kernel's choice. One thread.
class NetlinkSocket {
 public:
  static Result<NetlinkSocket> open(int protocol, std::uint32_t groups = 0);

  int fd() const { return fd_.get(); }
  std::uint32_t port() const { return port_; }

  Result<> send(View bytes);
  // Sends and gathers the answers, which are there when send returns (nfnetlink works in the caller's context).
  // The first refusal, if any.
  Result<std::optional<Refusal>> request(View bytes);
  // Sends a dump request; every answering message, as they came. Repeated when the kernel says that it changed midway.
  Result<Bytes> dump(View request);
  // The same for answers that may be long: each datagram as it comes, once.
  Result<> dump(View request, const std::function<void(View datagram)>& use);
  // One datagram into `buffer` without waiting; 0 when there is none.
  Result<std::size_t> receive(std::span<std::uint8_t> buffer);

 private:
  NetlinkSocket(Fd fd, std::uint32_t port) : fd_(std::move(fd)), port_(port) {}
  Result<bool> dump_once(View request, const std::function<void(View datagram)>& use);
  void discard_pending();

  Fd fd_;
  std::uint32_t port_ = 0;
};

}  // namespace entropy::kernel

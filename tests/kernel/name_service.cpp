#include "kernel/name_service.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <stdexcept>

#include "base/text.hpp"

namespace entropy::testing {
namespace {

constexpr int own_port = 5533;  // of the one that is like Docker's
constexpr std::uint16_t ipv4_address = 1;

using Message = std::vector<std::uint8_t>;

sockaddr_in6 loopback(int last, int port) {
  sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(static_cast<std::uint16_t>(port));
  v4.sin_addr.s_addr = htonl(0x7f000000u + static_cast<unsigned>(last));
  sockaddr_in6 address = {};
  std::memcpy(&address, &v4, sizeof v4);
  return address;
}

sockaddr_in6 asked_at(Resolver where) {
  if (where == Resolver::docker) return loopback(11, 53);
  return Lab::address(Side::peer, where == Resolver::direct ? Ip::v4 : Ip::v6, 53);
}

sockaddr_in6 listening_at(Resolver where) {
  return where == Resolver::docker ? loopback(11, own_port) : asked_at(where);
}

Ip version_of(Resolver where) { return where == Resolver::direct6 ? Ip::v6 : Ip::v4; }

// The question as it is, and one record where it is for an IPv4 address.
Message answer_to(Message query) {
  if (query.size() < 16) return {};
  const bool has = query[query.size() - 3] == ipv4_address;
  query[2] = 0x81;
  query[3] = 0x80;
  query[7] = has ? 1 : 0;
  if (has) query.insert(query.end(), {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 10, 0, 0, 3});
  return query;
}

Message query_for(std::string_view name, std::uint16_t type) {
  Message query = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (const auto label : split(name, '.')) {
    query.push_back(static_cast<std::uint8_t>(label.size()));
    query.insert(query.end(), label.begin(), label.end());
  }
  query.insert(query.end(), {0, static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type), 0, 1});
  return query;
}

Message with_length(const Message& message) {
  Message framed = {static_cast<std::uint8_t>(message.size() >> 8), static_cast<std::uint8_t>(message.size())};
  framed.insert(framed.end(), message.begin(), message.end());
  return framed;
}

std::optional<Message> received(const Fd& socket, std::chrono::milliseconds timeout) {
  Message message(2048);
  if (!wait_readable(socket, timeout)) return std::nullopt;
  const ssize_t got = ::recv(socket.get(), message.data(), message.size(), 0);
  if (got <= 0) return std::nullopt;
  message.resize(static_cast<std::size_t>(got));
  return message;
}

// Of answers as these tests' server and Entropy make them.
LookUp read_answer(const Message& message, std::size_t question_end) {
  LookUp found{message[3] & 15u, {}, {}};
  std::size_t at = question_end;
  for (unsigned i = 0; i < message[7] && at + 12 <= message.size(); ++i) {
    const std::size_t length = message[at + 11];
    char text[INET6_ADDRSTRLEN] = {};
    ::inet_ntop(length == 4 ? AF_INET : AF_INET6, &message[at + 12], text, sizeof text);
    found.addresses.emplace_back(text);
    at += 12 + length;
  }
  return found;
}

}  // namespace

NameServer::NameServer(const Lab& lab, Resolver where) {
  const Side side = where == Resolver::docker ? Side::target : Side::peer;
  datagrams_ = lab.socket(side, version_of(where), SOCK_DGRAM);
  listener_ = lab.socket(side, version_of(where), SOCK_STREAM);
  bind_to(datagrams_, listening_at(where));
  bind_to(listener_, listening_at(where));
  ::listen(listener_.get(), 16);
  const std::string rules = concat(
      "nft 'table ip dockerlike { chain out { type nat hook output priority -100; "
      "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:",
      own_port, "; ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:", own_port,
      "; }; chain post { type nat hook postrouting priority 100; ip saddr 127.0.0.11 udp sport ", own_port,
      " snat to :53; ip saddr 127.0.0.11 tcp sport ", own_port, " snat to :53; }; }'");
  if (where == Resolver::docker && !lab.run(Side::target, rules)) throw std::runtime_error("needs nft with nat");
  thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
  stop_ = true;
  thread_.join();
}

void NameServer::serve() {
  while (!stop_) {
    pollfd polled[] = {{datagrams_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    if (::poll(polled, 2, 20) <= 0) continue;
    if ((polled[0].revents & POLLIN) != 0) {
      Message query(2048);
      sockaddr_in6 from = {};
      socklen_t length = sizeof from;
      auto* address = reinterpret_cast<sockaddr*>(&from);
      const ssize_t got = ::recvfrom(datagrams_.get(), query.data(), query.size(), 0, address, &length);
      query.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      const Message said = answer_to(std::move(query));
      (void)::sendto(datagrams_.get(), said.data(), said.size(), 0, address, length);
    }
    if ((polled[1].revents & POLLIN) != 0) {
      const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      auto query = received(connection, 1s);
      if (!query || query->size() < 2) continue;
      query->erase(query->begin(), query->begin() + 2);
      const Message said = with_length(answer_to(std::move(*query)));
      (void)::send(connection.get(), said.data(), said.size(), MSG_NOSIGNAL);
    }
  }
}

std::optional<LookUp> look_up(const Lab& lab, Resolver where, Over over, std::string_view name,
                              std::chrono::milliseconds timeout, std::uint16_t type) {
  const Fd socket = lab.socket(Side::target, version_of(where), over == Over::udp ? SOCK_DGRAM : SOCK_STREAM);
  const auto begin = Clock::now();
  const int refused = connect_to(socket, asked_at(where));
  if (refused != 0) throw std::runtime_error(concat("connect: ", std::strerror(refused)));
  const Message query = query_for(name, type);
  const Message sent = over == Over::udp ? query : with_length(query);
  if (::send(socket.get(), sent.data(), sent.size(), MSG_NOSIGNAL) < 0) throw std::runtime_error("send");
  auto said = received(socket, timeout);
  if (!said) return std::nullopt;
  if (over == Over::tcp) said->erase(said->begin(), said->begin() + std::min<std::ptrdiff_t>(2, std::ssize(*said)));
  if (said->size() < query.size()) return std::nullopt;
  LookUp found = read_answer(*said, query.size());
  found.took = Clock::now() - begin;
  return found;
}

}  // namespace entropy::testing

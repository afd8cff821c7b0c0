// A server that plays scripts at the wire: what a Docker client does when its engine answers this, byte by byte.
//
// It listens on a unix socket of its own or on 127.0.0.1, and serves one connection after the other on a thread of its
// own: `GET /_ping` is answered with an API version, any other connection is played the next script. A connection
// is closed when its script ends.
#pragma once

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace entropy::fakes {

// The imposter's end of a connection, the request's header read already.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // the client has had enough
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Until there are `size` bytes more from the client, or its end.
  std::string receive(std::size_t size) {
    while (unread_.size() < size && fill()) {
    }
    std::string out = unread_.substr(0, size);
    unread_.erase(0, out.size());
    return out;
  }
  void wait_for_close() {
    while (fill()) {
    }
  }
  // The request's header; a body stays to be received.
  std::string receive_header() {
    while (unread_.find("\r\n\r\n") == std::string::npos) {
      if (!fill()) break;
    }
    return receive(std::min(unread_.find("\r\n\r\n"), unread_.size()) + 4);
  }

 private:
  bool fill() {
    char buffer[4096];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) unread_.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }

  int fd_;
  std::string unread_;
};

class HttpImposter {
 public:
  using Script = std::function<void(Peer&)>;
  enum class Transport { unix_socket, tcp };

  explicit HttpImposter(Transport transport = Transport::unix_socket) {
    transport == Transport::unix_socket ? listen_unix() : listen_tcp();
    ::listen(listener_.get(), 16);
    thread_ = std::jthread([this] { serve(); });
  }
  ~HttpImposter() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
      if (current_ >= 0) ::shutdown(current_, SHUT_RDWR);  // a script may wait for a client that is gone
    }
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    if (!folder_.empty()) {
      ::unlink((folder_ + "/socket").c_str());
      ::rmdir(folder_.c_str());
    }
  }
  HttpImposter(const HttpImposter&) = delete;
  HttpImposter& operator=(const HttpImposter&) = delete;

  const std::string& address() const { return address_; }
  // The answer to `GET /_ping` from now on.
  void set_ping(std::string bytes) {
    const std::scoped_lock lock(mutex_);
    ping_ = std::move(bytes);
  }
  void set_api_version(std::string_view version) {
    set_ping(concat("HTTP/1.1 200 OK\r\nApi-Version: ", version, "\r\nContent-Length: 2\r\n\r\nOK"));
  }
  void play(Script script) {
    const std::scoped_lock lock(mutex_);
    scripts_.push_back(std::move(script));
  }
  void play(std::string bytes) {
    play([bytes = std::move(bytes)](Peer& peer) { peer.send(bytes); });
  }
  // What was asked so far, without the pings.
  std::vector<std::string> requests() {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  void listen_unix() {
    char name[] = "/tmp/imposter-XXXXXX";
    folder_ = ::mkdtemp(name);
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un socket{};
    socket.sun_family = AF_UNIX;
    (folder_ + "/socket").copy(socket.sun_path, sizeof socket.sun_path - 1);
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&socket), sizeof socket);
    address_ = concat("unix://", folder_, "/socket");
  }
  void listen_tcp() {
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in socket{};
    socket.sin_family = AF_INET;
    socket.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&socket), sizeof socket);
    socklen_t size = sizeof socket;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&socket), &size);
    address_ = concat("tcp://127.0.0.1:", ntohs(socket.sin_port));
  }

  void serve() {
    while (true) {
      const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!set_current(connection.get())) return;
      Peer peer(connection.get());
      const Script script = next(peer.receive_header());
      script(peer);
      set_current(-1);
    }
  }
  bool set_current(int fd) {
    const std::scoped_lock lock(mutex_);
    current_ = fd;
    return !stopping_;
  }
  Script next(std::string request) {
    const std::scoped_lock lock(mutex_);
    if (request.starts_with("GET /_ping ")) return [ping = ping_](Peer& peer) { peer.send(ping); };
    requests_.push_back(std::move(request));
    if (scripts_.empty()) return [](Peer&) {};
    Script script = std::move(scripts_.front());
    scripts_.pop_front();
    return script;
  }

  Fd listener_;
  std::string folder_;
  std::string address_;
  std::mutex mutex_;
  std::string ping_ = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK";
  std::deque<Script> scripts_;
  std::vector<std::string> requests_;
  int current_ = -1;
  bool stopping_ = false;
  std::jthread thread_;
};

}  // namespace entropy::fakes

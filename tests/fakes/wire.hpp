// The other end of a connection as bytes: sends what it is told, well-formed or not, and reads HTTP answers.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio.hpp>
#include <map>
#include <string>

#include "base/address.hpp"
#include "base/text.hpp"
#include "policy/policy_json.hpp"

namespace entropy {

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  boost::json::value json() const {
    const auto value = policy::parse_json(body);
    if (!value) throw std::runtime_error(concat("not JSON: ", body));
    return *value;
  }
};

class Wire {
 public:
  explicit Wire(const Address& address) : socket_(context_) {
    namespace asio = boost::asio;
    if (address.kind == Address::Kind::unix_socket) {
      socket_.connect(asio::local::stream_protocol::endpoint(address.path));
    } else {
      socket_.connect(asio::ip::tcp::endpoint(asio::ip::make_address(address.host), address.port));
    }
    const timeval patience{20, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  void send(std::string_view bytes) {
    boost::system::error_code ignored;  // a peer that has closed is seen when reading
    boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
  }
  void request(std::string_view method, std::string_view target, std::string_view headers = "",
               std::string_view body = "") {
    send(concat(method, " ", target, " HTTP/1.1\r\nHost: localhost\r\n", headers, "Content-Length: ", body.size(),
                "\r\n\r\n", body));
  }
  // Bytes up to and with `end`; what came before the connection closed, if it did.
  std::string read_until(std::string_view end) {
    while (true) {
      const auto at = pending_.find(end);
      if (at != std::string::npos) return take(at + end.size());
      if (!read_more()) return take(pending_.size());
    }
  }
  std::string read_to_end() {
    while (read_more()) {
    }
    return take(pending_.size());
  }
  // `bodyless`: to a HEAD.
  Answer answer(bool bodyless = false) {
    Answer answer = head();
    if (bodyless || answer.status == 204) return answer;
    const std::size_t length = std::stoul(answer.headers.at("content-length"));
    while (pending_.size() < length && read_more()) {
    }
    answer.body = take(std::min(length, pending_.size()));
    return answer;
  }
  // Status line and headers.
  Answer head() {
    const std::string text = read_until("\r\n\r\n");
    Answer answer;
    const auto lines = split(text, '\n');
    if (lines.front().size() > 12) answer.status = std::stoi(std::string(lines.front().substr(9, 3)));
    for (const std::string_view line : lines) {
      const auto colon = line.find(": ");
      if (colon == std::string_view::npos) continue;
      std::string name(line.substr(0, colon));
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      answer.headers[name] = trim(line.substr(colon + 2));
    }
    return answer;
  }
  void shrink_receive_buffer() {
    const int bytes = 4096;
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  void close() { socket_.close(); }

 private:
  bool read_more() {
    std::array<char, 65536> buffer{};
    const auto count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) throw std::runtime_error("the server said nothing for 20 s");
    if (count > 0) pending_.append(buffer.data(), static_cast<std::size_t>(count));
    return count > 0;
  }
  std::string take(std::size_t count) {
    std::string taken = pending_.substr(0, count);
    pending_.erase(0, count);
    return taken;
  }

  boost::asio::io_context context_;
  boost::asio::generic::stream_protocol::socket socket_;
  std::string pending_;
};

}  // namespace entropy

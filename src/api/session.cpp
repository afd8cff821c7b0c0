#include "api/session.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <ctime>

#include "api/request_reader.hpp"
#include "base/text.hpp"
#include "control/log.hpp"

namespace entropy::api {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using net::Socket;

// RFC 9110, section 5.6.7.
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char buffer[40];
  std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return buffer;
}

std::string chunk(std::string_view bytes) {
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr;
  return concat(std::string_view(size, end), "\r\n", bytes, "\r\n");
}

class HttpSession final : public Session, public Stream, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(std::shared_ptr<Socket> socket, SessionOptions options, Handle handle)
      : socket_(std::move(socket)),
        options_(std::move(options)),
        handle_(std::move(handle)),
        reader_(options_.limits) {}

  asio::awaitable<void> run() override {
    const auto self = shared_from_this();
    try {
      bool goes_on = co_await greet();
      while (goes_on && !draining_) goes_on = co_await exchange();
    } catch (const std::exception& error) {
      log::error("a connection ended: {}", error.what());
    }
    gone();
    // A connection that is closed upon unread bytes is reset, and the peer may lose our last answer.
    socket_->expires_after(std::chrono::seconds(1));
    if (!socket_->closed()) co_await socket_->finish();
    socket_->close();
  }

  void drain() override {
    draining_ = true;
    if (idle_) socket_->close();
  }

  void stop() override {
    drain();
    gone();
  }

  void abort() override {
    gone();
    socket_->close();
  }

  asio::awaitable<bool> write(std::string_view bytes) override {
    if (gone_ || bytes.empty()) co_return !gone_;
    std::string framed;
    if (reader_.knows_chunks()) framed = chunk(bytes);
    socket_->expires_after(options_.limits.idle);
    const error_code error = co_await socket_->write(asio::buffer(framed.empty() ? bytes : std::string_view(framed)));
    socket_->never_expires();
    if (error) gone();
    co_return !gone_;
  }

  void on_gone(std::function<void()> callback) override {
    if (gone_) return callback();
    on_gone_ = std::move(callback);
  }

 private:
  asio::awaitable<bool> greet() {
    if (!options_.tls) co_return true;
    socket_->expires_after(options_.limits.idle);
    const error_code error = co_await socket_->start_tls_as_server(options_.tls);
    if (error) {
      const std::string why = socket_->distrust();
      log::debug("{}: no TLS: {}", options_.peer.address, why.empty() ? error.message() : why);
      socket_->close();
      co_return false;
    }
    options_.peer.certificate = socket_->peer_name();
    co_return true;
  }

  // One request and its answer; whether another may follow.
  asio::awaitable<bool> exchange() {
    const auto state = co_await receive();
    if (state == RequestReader::State::refused) {
      Response refusal = reader_.refusal();
      co_await send(std::move(refusal), false, false);
      co_return false;
    }
    if (state != RequestReader::State::complete) co_return false;
    Request request = reader_.take();
    request.peer = options_.peer;
    const bool head = request.method == "HEAD";
    socket_->never_expires();
    Response response = co_await handle_(std::move(request));
    if (response.stream) co_return co_await send_stream(std::move(response), head);
    co_return co_await send(std::move(response), head, reader_.keep_alive());
  }

  asio::awaitable<RequestReader::State> receive() {
    idle_ = true;
    socket_->expires_after(options_.limits.idle);
    while (true) {
      const auto state = reader_.advance();
      if (state == RequestReader::State::held_back) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        if (co_await socket_->write(asio::buffer(go_on))) co_return RequestReader::State::over;
      } else if (state != RequestReader::State::incomplete) {
        idle_ = false;
        co_return state;
      }
      const auto [error, count] = co_await socket_->read_some(reader_.room());
      reader_.add(count);
      if (error == asio::error::eof) {
        reader_.end();
      } else if (error) {
        co_return RequestReader::State::over;
      }
    }
  }

  std::string print_head(const Response& response, bool keep_alive) const {
    std::string head =
        concat("HTTP/1.1 ", response.status, " ", reason_phrase(response.status), "\r\nServer: ", options_.server_name,
               "\r\nDate: ", http_date(), "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    const auto field = [&](std::string_view name, std::string_view value) {
      append(head, concat(name, ": ", value, "\r\n"));
    };
    if (!response.content_type.empty()) field("Content-Type", response.content_type);
    for (const auto& [name, value] : response.headers) field(name, value);
    if (!keep_alive) field("Connection", "close");
    if (keep_alive && !reader_.knows_chunks()) field("Connection", "keep-alive");
    return head;
  }

  asio::awaitable<bool> send(Response response, bool head, bool keep_alive) {
    keep_alive = keep_alive && !draining_;
    std::string bytes = print_head(response, keep_alive);
    if (response.status != 204) append(bytes, concat("Content-Length: ", response.body.size(), "\r\n"));
    bytes += "\r\n";
    if (!head) bytes += response.body;
    socket_->expires_after(options_.limits.idle);
    const error_code error = co_await socket_->write(asio::buffer(bytes));
    co_return !error && keep_alive;
  }

  asio::awaitable<bool> send_stream(Response response, bool head) {
    std::string bytes = print_head(response, false);
    if (reader_.knows_chunks()) bytes += "Transfer-Encoding: chunked\r\n";
    bytes += "\r\n";
    socket_->expires_after(options_.limits.idle);
    if (co_await socket_->write(asio::buffer(bytes)) || head) co_return false;
    socket_->never_expires();
    asio::co_spawn(socket_->plain().get_executor(), watch(shared_from_this()), [](const std::exception_ptr& thrown) {
      if (thrown) log::error("watching a connection failed");
    });
    co_await response.stream(shared_from_this());
    constexpr std::string_view last_chunk = "0\r\n\r\n";
    socket_->expires_after(options_.limits.idle);
    if (reader_.knows_chunks()) co_await socket_->write(asio::buffer(last_chunk));
    co_return false;
  }

  // While we only write, a read alone tells that the peer has gone.
  static asio::awaitable<void> watch(std::shared_ptr<HttpSession> self) {
    std::array<char, 256> ignored{};
    while (true) {
      const auto [error, count] = co_await self->socket_->read_some(asio::buffer(ignored));
      if (error) break;
    }
    self->gone();
  }

  void gone() {
    gone_ = true;
    if (on_gone_) std::exchange(on_gone_, nullptr)();
  }

  std::shared_ptr<Socket> socket_;
  SessionOptions options_;
  Handle handle_;
  RequestReader reader_;
  std::function<void()> on_gone_;
  bool idle_ = false;
  bool draining_ = false;
  bool gone_ = false;
};

}  // namespace

std::shared_ptr<Session> make_session(std::shared_ptr<Socket> socket, SessionOptions options, Handle handle) {
  return std::make_shared<HttpSession>(std::move(socket), std::move(options), std::move(handle));
}

}  // namespace entropy::api

#include "api/session.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <ctime>

#include "api/problem.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;

using Parser = http::request_parser<http::string_body>;

// RFC 9110, section 5.6.7.
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char buffer[40];
  std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return buffer;
}

// The answer to what is not a request that we read; none where nobody waits for one.
std::optional<Response> refusal_of(const error_code& error, const Limits& limits) {
  if (error == http::error::body_limit) {
    return problem(413, concat("the body is larger than ", limits.body_bytes, " bytes"));
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return problem(431, concat("the request line and headers are larger than ", limits.header_bytes, " bytes"));
  }
  const bool is_http = error.category() == make_error_code(http::error::bad_method).category();
  if (!is_http || error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  return problem(400, concat("this is not an HTTP request: ", error.message()));
}

class BeastSession final : public Session, public Stream, public std::enable_shared_from_this<BeastSession> {
 public:
  BeastSession(asio::generic::stream_protocol::socket socket, SessionOptions options, Handle handle)
      : stream_(std::move(socket)), options_(std::move(options)), handle_(std::move(handle)) {}

  asio::awaitable<void> run() override {
    const auto self = shared_from_this();
    try {
      while (!stopping_ && co_await exchange()) {
      }
    } catch (const std::exception& error) {
      spdlog::error("a connection ended: {}", error.what());
    }
    gone();
    error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_both, ignored);
    stream_.close();
  }

  void stop() override {
    stopping_ = true;
    if (idle_) stream_.cancel();
    gone();
  }

  void abort() override {
    gone();
    stream_.close();
  }

  asio::awaitable<bool> write(std::string bytes) override {
    if (gone_ || bytes.empty()) co_return !gone_;
    error_code error;
    stream_.expires_after(options_.limits.idle);
    if (chunked_) {
      co_await asio::async_write(stream_, http::make_chunk(asio::buffer(bytes)), redirect_error(use_awaitable, error));
    } else {
      co_await asio::async_write(stream_, asio::buffer(bytes), redirect_error(use_awaitable, error));
    }
    if (error) gone();
    co_return !gone_;
  }

  void on_gone(std::function<void()> callback) override {
    if (gone_) return callback();
    on_gone_ = std::move(callback);
  }

 private:
  // One request and its answer; whether another may follow.
  asio::awaitable<bool> exchange() {
    head_ = false;
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.limits.header_bytes));
    parser.body_limit(options_.limits.body_bytes);
    const error_code error = co_await receive(parser);
    if (error) {
      co_await refuse(error);
      co_return false;
    }
    const bool keep_alive = parser.get().keep_alive();
    chunked_ = parser.get().version() >= 11;
    head_ = parser.get().method() == http::verb::head;
    Response response;
    if (chunked_ && parser.get().count(http::field::host) != 1) {
      response = problem(400, "a request has exactly one Host header (RFC 9112, section 3.2)");
    } else {
      Request request = request_of(parser);
      response = co_await handle_(std::move(request));
    }
    if (response.stream) co_return co_await send_stream(std::move(response));
    co_return co_await send(std::move(response), keep_alive && !stopping_);
  }

  asio::awaitable<error_code> receive(Parser& parser) {
    error_code error;
    idle_ = true;
    stream_.expires_after(options_.limits.idle);
    co_await http::async_read_header(stream_, buffer_, parser, redirect_error(use_awaitable, error));
    idle_ = false;
    if (error || parser.is_done()) co_return error;
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(stream_, asio::buffer(go_on), redirect_error(use_awaitable, error));
      if (error) co_return error;
    }
    co_await http::async_read(stream_, buffer_, parser, redirect_error(use_awaitable, error));
    co_return error;
  }

  Request request_of(Parser& parser) const {
    auto message = parser.release();
    Request request;
    request.method = message.method_string();
    request.target = message.target();
    for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
    request.body = std::move(message.body());
    request.over_unix_socket = options_.over_unix_socket;
    return request;
  }

  template <class Message>
  void fill_header(Message& message, const Response& response) const {
    message.result(response.status);
    message.reason(std::string(reason_phrase(response.status)));
    message.set(http::field::server, options_.server_name);
    message.set(http::field::date, http_date());
    message.set(http::field::cache_control, "no-store");
    message.set("X-Content-Type-Options", "nosniff");
    if (!response.content_type.empty()) message.set(http::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) message.set(name, value);
  }

  asio::awaitable<bool> send(Response response, bool keep_alive) {
    http::response<http::string_body> message;
    message.version(11);
    fill_header(message, response);
    message.keep_alive(keep_alive);
    if (response.status != 204) message.content_length(response.body.size());
    if (!head_) message.body() = std::move(response.body);
    error_code error;
    stream_.expires_after(options_.limits.idle);
    co_await http::async_write(stream_, message, redirect_error(use_awaitable, error));
    co_return !error && keep_alive;
  }

  asio::awaitable<bool> send_stream(Response response) {
    http::response<http::empty_body> message;
    message.version(11);
    fill_header(message, response);
    message.keep_alive(false);
    message.chunked(chunked_);
    http::response_serializer<http::empty_body> serializer(message);
    error_code error;
    stream_.expires_after(options_.limits.idle);
    co_await http::async_write_header(stream_, serializer, redirect_error(use_awaitable, error));
    if (error || head_) co_return false;
    asio::co_spawn(stream_.get_executor(), watch(shared_from_this()), [](const std::exception_ptr& thrown) {
      if (thrown) spdlog::error("watching a connection failed");
    });
    co_await response.stream(shared_from_this());
    if (chunked_) co_await asio::async_write(stream_, http::make_chunk_last(), redirect_error(use_awaitable, error));
    co_return false;
  }

  // While we only write, a read alone tells that the peer has gone.
  static asio::awaitable<void> watch(std::shared_ptr<BeastSession> self) {
    std::array<char, 256> ignored{};
    error_code error;
    self->stream_.expires_never();
    while (!error) co_await self->stream_.async_read_some(asio::buffer(ignored), redirect_error(use_awaitable, error));
    self->gone();
  }

  // A refusal that is closed upon unread bytes would be lost to a reset: take some of them first.
  asio::awaitable<void> refuse(error_code why) {
    auto response = refusal_of(why, options_.limits);
    if (!response) co_return;
    co_await send(std::move(*response), false);
    error_code error;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, error);
    stream_.expires_after(std::chrono::seconds(1));
    std::array<char, 4096> scrap{};
    for (std::size_t left = 8 * options_.limits.body_bytes; !error && left > scrap.size(); left -= scrap.size()) {
      co_await stream_.async_read_some(asio::buffer(scrap), redirect_error(use_awaitable, error));
    }
  }

  void gone() {
    gone_ = true;
    if (on_gone_) std::exchange(on_gone_, nullptr)();
  }

  beast::basic_stream<asio::generic::stream_protocol> stream_;
  SessionOptions options_;
  Handle handle_;
  beast::flat_buffer buffer_{64 * 1024};
  std::function<void()> on_gone_;
  bool idle_ = false;
  bool stopping_ = false;
  bool gone_ = false;
  bool chunked_ = true;
  bool head_ = false;
};

}  // namespace

std::shared_ptr<Session> make_session(asio::generic::stream_protocol::socket socket, SessionOptions options,
                                      Handle handle) {
  return std::make_shared<BeastSession>(std::move(socket), std::move(options), std::move(handle));
}

}  // namespace entropy::api

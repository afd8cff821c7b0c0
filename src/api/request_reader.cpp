#include "api/request_reader.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "api/problem.hpp"
#include "base/text.hpp"

namespace entropy::api {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

struct RequestReader::Parts {
  beast::flat_buffer bytes;
  std::optional<http::request_parser<http::string_body>> parser;
};

RequestReader::RequestReader(const Limits& limits) : limits_(limits), parts_(std::make_unique<Parts>()) {}
RequestReader::~RequestReader() = default;

boost::asio::mutable_buffer RequestReader::room() {
  constexpr std::size_t piece = 8 * 1024;
  return parts_->bytes.prepare(piece);
}

void RequestReader::add(std::size_t count) { parts_->bytes.commit(count); }

void RequestReader::end() { ended_ = true; }

RequestReader::State RequestReader::advance() {
  auto& [bytes, parser] = *parts_;
  if (!parser) {
    parser.emplace();
    parser->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser->body_limit(limits_.body_bytes);
    parser->eager(true);
    told_to_go_on_ = false;
  }
  while (!parser->is_done()) {
    if (bytes.size() == 0) return waiting();
    error_code error;
    bytes.consume(parser->put(bytes.data(), error));
    if (error == http::error::need_more) return waiting();
    if (error) return failed(error);
  }
  return check();
}

RequestReader::State RequestReader::waiting() {
  const auto& parser = *parts_->parser;
  if (ended_) return State::over;
  const bool wants_to_know =
      parser.is_header_done() && beast::iequals(parser.get()[http::field::expect], "100-continue");
  if (!wants_to_know || std::exchange(told_to_go_on_, true)) return State::incomplete;
  return State::held_back;
}

RequestReader::State RequestReader::failed(const error_code& error) {
  if (error == http::error::body_limit) {
    refusal_ = problem(413, concat("the body is larger than ", limits_.body_bytes, " bytes"));
  } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    refusal_ = problem(431, concat("the request line and headers are larger than ", limits_.header_bytes, " bytes"));
  } else {
    refusal_ = problem(400, concat("this is not an HTTP request: ", error.message()));
  }
  knows_chunks_ = true;
  return State::refused;
}

RequestReader::State RequestReader::check() {
  const auto& message = parts_->parser->get();
  keep_alive_ = message.keep_alive();
  knows_chunks_ = message.version() >= 11;
  if (!knows_chunks_ || message.count(http::field::host) == 1) return State::complete;
  refusal_ = problem(400, "a request has exactly one Host header (RFC 9112, section 3.2)");
  return State::refused;
}

Request RequestReader::take() {
  auto message = parts_->parser->release();
  parts_->parser.reset();
  Request request;
  request.method = message.method_string();
  request.target = message.target();
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  return request;
}

Response RequestReader::refusal() const { return refusal_; }

}  // namespace entropy::api

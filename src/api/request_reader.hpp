// Requests out of the bytes of one connection (HTTP/1.1, RFC 9112): knows no socket, and never waits.
#pragma once

#include <boost/asio/buffer.hpp>
#include <memory>

#include "api/http.hpp"
#include "api/options.hpp"

namespace entropy::api {

class RequestReader {
 public:
  explicit RequestReader(const Limits& limits);
  ~RequestReader();

  // Room for the next bytes; `add` says how many came into it.
  boost::asio::mutable_buffer room();
  void add(std::size_t count);
  // None will come any more.
  void end();

  enum class State {
    incomplete,  // more bytes are needed
    held_back,   // as before, and the client waits for "100 Continue" (told once)
    complete,    // `take` it
    refused,     // `refusal` is the answer, the last one
    over         // nobody waits for an answer
  };
  // As far as the bytes go.
  State advance();

  // The next request begins with the bytes that follow.
  Request take();
  Response refusal() const;

  // Of the request that was read last, also of one that was refused.
  bool keep_alive() const { return keep_alive_; }
  bool knows_chunks() const { return knows_chunks_; }

 private:
  struct Parts;
  State failed(const boost::system::error_code& error);
  State waiting();
  State check();

  Limits limits_;
  std::unique_ptr<Parts> parts_;
  Response refusal_;
  bool ended_ = false;
  bool told_to_go_on_ = false;
  bool keep_alive_ = false;
  bool knows_chunks_ = true;
};

}  // namespace entropy::api

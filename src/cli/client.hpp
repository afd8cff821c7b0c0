// Talks HTTP/1.1 to the service; blocks. One connection for each request.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <string>

#include "base/address.hpp"
#include "base/result.hpp"
#include "cli/settings.hpp"
#include "net/tls.hpp"

namespace entropy::cli {

class Client {
 public:
  // Requests and their statuses are told to `debug`, where there is one. `tls`: for an address that says so.
  Client(Address address, Token token, std::ostream* debug, net::TlsContext tls = {})
      : address_(std::move(address)), token_(std::move(token)), debug_(debug), tls_(std::move(tls)) {}

  // The JSON that is answered; null where there is no body. A problem becomes an Error with its fields:
  // ErrorCode::not_found for 404, ErrorCode::unavailable where the service can't be reached.
  // `if_match`: only where the policy's ETag is this one, else ErrorCode::precondition.
  Result<boost::json::value> call(std::string_view method, std::string_view target,
                                  const boost::json::value& body = nullptr, std::string_view if_match = "") const;

  // Hands on a body piece by piece as it comes, until it ends or `on_bytes` answers false.
  Result<> stream(std::string_view target, std::string_view accept,
                  const std::function<bool(std::string_view)>& on_bytes) const;

  const Address& address() const { return address_; }
  const Token& token() const { return token_; }

 private:
  struct Connection;
  struct Request {
    std::string_view method;
    std::string_view target;
    std::string_view accept;
    std::string body = {};
    std::string_view if_match = {};
  };
  Result<> send(Connection& connection, Request request) const;
  Error refusal(unsigned status, std::string_view body) const;

  Address address_;
  Token token_;
  std::ostream* debug_;
  net::TlsContext tls_;
};

}  // namespace entropy::cli

// One GET of an address that somebody else has named: with a deadline, a bound, and no redirects followed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>

#include "base/result.hpp"
#include "base/units.hpp"
#include "base/url.hpp"
#include "net/tls.hpp"

namespace entropy::net {

struct HttpGet {
  HttpUrl url;
  Duration within{0};
  std::size_t most_bytes = 0;  // of the body; what is beyond is not read
  TlsContext tls = {};         // for https
};

struct HttpGot {
  unsigned status = 0;
  std::string body;
};

// ErrorCode::permission for a link-local address: what clouds tell their machines about themselves, tokens included, is
// there (169.254.169.254, fd00:ec2::254). ErrorCode::timeout, unavailable, protocol otherwise; the message names the
// host.
boost::asio::awaitable<Result<HttpGot>> http_get(boost::asio::any_io_executor executor, HttpGet request);

}  // namespace entropy::net

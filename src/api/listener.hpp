// A listening socket, TCP or Unix.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "base/address.hpp"

namespace entropy::api {

struct Listener {
  boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor;
  Address address;              // as bound: port 0 has become a real one
  std::size_t connections = 0;  // that it has now
};

// A Unix socket gets mode 0660; one that a dead service left behind is replaced, a living one is not.
Result<Listener> open_listener(const boost::asio::any_io_executor& executor, const Address& address);

// Ends it, and takes the path of a Unix socket away.
void close_listener(Listener& listener);

}  // namespace entropy::api

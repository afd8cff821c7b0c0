// The HTTP API of a control plane, on the manager's one io_context and thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "api/options.hpp"
#include "base/address.hpp"
#include "control/service.hpp"

namespace entropy::api {

class Server {
 public:
  // The service outlives the executor's work (a connection may hold a subscription), and the executor the Server.
  Server(boost::asio::any_io_executor executor, control::Service& service, Options options);
  ~Server();

  // Listens and serves from now on, with TLS where the address says so. All or none: on an error nothing listens. Plain
  // TCP beyond loopback is refused without `no_tls`, and said aloud with it.
  Result<> listen(const std::vector<Address>& addresses);
  // Where it listens, with real ports.
  std::vector<Address> addresses() const;

  // Takes no more connections and requests; those that run, and streams, go on.
  void drain();
  // The same, and ends streams; what still runs after `bound` is cut. Once.
  boost::asio::awaitable<void> stop(std::chrono::milliseconds bound);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace entropy::api

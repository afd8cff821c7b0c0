// Carries an outbox to a connection until one of both ends.
#pragma once

#include <memory>

#include "api/http.hpp"
#include "api/outbox.hpp"

namespace entropy::api {

// Writes what comes into the outbox, and `heartbeat` (where not empty) whenever nothing came for `quiet`. Returns when
// the outbox is closed and empty, or the peer has gone; the outbox is closed then.
boost::asio::awaitable<void> pump(std::shared_ptr<Outbox> outbox, std::shared_ptr<Stream> stream, std::string heartbeat,
                                  std::chrono::milliseconds quiet);

}  // namespace entropy::api

// The hijacked connection of an attach as an AttachStream.
#pragma once

#include <memory>

#include "docker/connection.hpp"
#include "docker/engine.hpp"

namespace entropy::docker {

// `connection` has answered the upgrade. `write_timeout`: how long the container may leave its input unread.
std::unique_ptr<AttachStream> make_attach_stream(std::shared_ptr<Connection> connection, Duration write_timeout);

}  // namespace entropy::docker

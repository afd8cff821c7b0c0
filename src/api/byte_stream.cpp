#include "api/byte_stream.hpp"

namespace entropy::api {

boost::asio::awaitable<void> pump(std::shared_ptr<Outbox> outbox, std::shared_ptr<Stream> stream, std::string heartbeat,
                                  std::chrono::milliseconds quiet) {
  while (true) {
    std::string bytes = co_await outbox->take(quiet);
    if (bytes.empty() && outbox->closed()) co_return;
    if (bytes.empty()) bytes = heartbeat;
    if (!co_await stream->write(std::move(bytes))) break;
  }
  outbox->close();
}

}  // namespace entropy::api

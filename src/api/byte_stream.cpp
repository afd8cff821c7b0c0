#include "api/byte_stream.hpp"

namespace entropy::api {

boost::asio::awaitable<void> pump(std::shared_ptr<Outbox> outbox, std::shared_ptr<Stream> stream, std::string heartbeat,
                                  std::chrono::milliseconds quiet) {
  while (true) {
    const Piece piece = co_await outbox->take(quiet);
    if (!piece && outbox->closed()) co_return;
    if (!co_await stream->write(piece ? std::string_view(*piece) : std::string_view(heartbeat))) break;
  }
  outbox->close();
}

}  // namespace entropy::api

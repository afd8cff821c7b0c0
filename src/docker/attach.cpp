#include "docker/attach.hpp"

#include "docker/frame_demux.hpp"

namespace entropy::docker {
namespace {

// Shared with the reads and writes under way, so that the stream may go while they still are.
struct State {
  std::shared_ptr<Connection> connection;
  Duration write_timeout;
  FrameDemux demux;
  std::string input;
  std::string_view rest;  // of `input`
};

Task<AttachStream::Output> read_output(std::shared_ptr<State> state) {
  while (true) {
    auto piece = state->demux.next(state->rest);
    if (!piece) co_return fail(std::move(piece.error()));
    if (*piece) co_return AttachStream::Output{(*piece)->is_stderr, std::string((*piece)->bytes)};
    auto bytes = co_await state->connection->read_raw();
    if (!bytes) co_return fail(std::move(bytes.error()));
    if (bytes->empty()) co_return fail(ErrorCode::unavailable, "the container's stream has ended");
    state->input = std::move(*bytes);
    state->rest = state->input;
  }
}

Task<> write_input(std::shared_ptr<State> state, std::string bytes) {
  state->connection->expires_after(state->write_timeout);
  auto written = co_await state->connection->write(std::move(bytes));
  state->connection->never_expires();
  co_return written;
}

class HijackedStream final : public AttachStream {
 public:
  explicit HijackedStream(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~HijackedStream() override { state_->connection->close(); }
  HijackedStream(const HijackedStream&) = delete;
  HijackedStream& operator=(const HijackedStream&) = delete;

  Task<Output> read() override { return read_output(state_); }
  Task<> write(std::string bytes) override { return write_input(state_, std::move(bytes)); }
  void close() override { state_->connection->close(); }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<AttachStream> make_attach_stream(std::shared_ptr<Connection> connection, Duration write_timeout) {
  connection->never_expires();
  auto state = std::make_shared<State>();
  state->connection = std::move(connection);
  state->write_timeout = write_timeout;
  return std::make_unique<HijackedStream>(std::move(state));
}

}  // namespace entropy::docker

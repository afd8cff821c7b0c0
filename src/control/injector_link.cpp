#include "control/injector_link.hpp"

#include <utility>

#include "control/log.hpp"
#include "control/spawn.hpp"

namespace entropy::control {

namespace asio = boost::asio;

InjectorLink::InjectorLink(Timing& timing, Duration lease, Handlers handlers)
    : timing_(timing), lease_(lease), handlers_(std::move(handlers)), work_(timing) {}

void InjectorLink::start(std::unique_ptr<docker::AttachStream> stream) {
  stream_ = std::move(stream);
  heard_at_ = next_renewal_ = timing_.elapsed();
  spawn(timing_.executor(), "reading from an injector", read_loop(shared_from_this()));
  spawn(timing_.executor(), "writing to an injector", write_loop(shared_from_this()));
}

void InjectorLink::send(const program::Command& command) {
  queue_.push_back(program::encode(command) + "\n");
  work_.notify();
}

void InjectorLink::close() {
  if (std::exchange(closed_, true)) return;
  if (stream_) stream_->close();
  work_.notify();
}

void InjectorLink::ended(std::string why) {
  if (closed_) return;
  close();
  handlers_.on_closed(std::move(why));
}

asio::awaitable<void> InjectorLink::read_loop(std::shared_ptr<InjectorLink> self) {
  while (!closed_) {
    auto output = co_await stream_->read();
    if (!output) {
      ended(output.error().message);
      co_return;
    }
    splitter_.feed(output->bytes, [&](std::string_view line) { on_line(line); });
  }
}

void InjectorLink::on_line(std::string_view line) {
  if (closed_ || !line.starts_with('{') || line.starts_with(R"({"started")")) return;  // the header, for people
  const Duration now = timing_.elapsed();
  if (now >= std::exchange(heard_at_, now) + silence_limit(lease_)) {
    next_renewal_ = now;
    work_.notify();
  }
  auto report = program::parse_report(line);
  if (report) {
    handlers_.on_report(std::move(*report));
  } else {
    log::warn("{}", report.error().message);
  }
}

asio::awaitable<void> InjectorLink::write_loop(std::shared_ptr<InjectorLink> self) {
  const std::string renewal = program::encode(program::Lease{lease_}) + "\n";
  while (!closed_) {
    const auto now = timing_.elapsed();
    if (now >= next_renewal_) {
      next_renewal_ = now + renewal_period(lease_);
      if (now < heard_at_ + silence_limit(lease_)) queue_.push_front(renewal);
    }
    while (!closed_ && !queue_.empty()) {
      std::string line = std::move(queue_.front());
      queue_.pop_front();
      const auto written = co_await stream_->write(std::move(line));
      if (!written) {
        ended(written.error().message);
        co_return;
      }
    }
    if (closed_) co_return;
    co_await work_.wait(next_renewal_ - timing_.elapsed());
  }
}

}  // namespace entropy::control

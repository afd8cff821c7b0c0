// The manager's end of an injector's attach stream: commands down, reports up, the lease renewed every sixth
// of it; each renewal is answered, so that a frozen injector is noticed.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "control/signal.hpp"
#include "docker/engine.hpp"
#include "program/command.hpp"
#include "program/report_reader.hpp"

namespace entropy::control {

// One thread. Kept alive by its own coroutines until the stream ends; `close` ends it. After `on_closed` or `close`
// nothing is called any more.
class InjectorLink : public std::enable_shared_from_this<InjectorLink> {
 public:
  struct Handlers {
    std::function<void(program::Report)> on_report;
    std::function<void(std::string why)> on_closed;
  };

  InjectorLink(Timing& timing, Duration lease, Handlers handlers);

  static Duration renewal_period(Duration lease) { return lease / 6; }
  // After a renewal that is not answered for so long none is sent until something is heard: whoever is out of reach,
  // even in one direction, rolls back when the lease ends.
  static Duration silence_limit(Duration lease) { return renewal_period(lease) + std::chrono::seconds(3); }

  // Takes over an attached stream and starts to renew the lease.
  void start(std::unique_ptr<docker::AttachStream> stream);
  // Queued; written in order. A link that is not closed delivers it or closes.
  void send(const program::Command& command);
  void close();

 private:
  boost::asio::awaitable<void> read_loop(std::shared_ptr<InjectorLink> self);
  boost::asio::awaitable<void> write_loop(std::shared_ptr<InjectorLink> self);
  void on_line(std::string_view line);
  void ended(std::string why);

  Timing& timing_;
  Duration lease_;
  Handlers handlers_;
  std::unique_ptr<docker::AttachStream> stream_;
  program::LineSplitter splitter_;
  std::deque<std::string> queue_;
  Signal work_;
  Duration heard_at_{0};
  Duration next_renewal_{0};
  bool closed_ = false;
};

}  // namespace entropy::control

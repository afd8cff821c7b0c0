// The service's events for everybody who listens to them over HTTP. An event is printed once, not once for each
// listener, and events that come in quick succession go out together: many listeners must not keep the one thread from
// its work.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "api/outbox.hpp"
#include "control/service.hpp"

namespace entropy::api {

enum class EventFormat { sse, json_lines };

std::string print_event(const control::Event& event, EventFormat format);

// One thread, the service's. Held by shared_ptr: what it has handed out holds it.
class EventFeed : public std::enable_shared_from_this<EventFeed> {
 public:
  EventFeed(const boost::asio::any_io_executor& executor, control::Service& service)
      : service_(service), timer_(executor) {}

  class Listener {
   public:
    virtual ~Listener() = default;  // listens no longer
  };
  // Events from now on go into the outbox; `lags` is called when they no longer fit into it.
  std::unique_ptr<Listener> join(EventFormat format, std::shared_ptr<Outbox> outbox, std::function<void()> lags);

 private:
  using Clock = std::chrono::steady_clock;
  struct Member;

  void on_event(const control::Event& event);
  void flush();

  control::Service& service_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<control::Subscription> subscription_;  // while somebody listens
  std::map<EventFormat, std::list<Member*>> members_;
  std::map<EventFormat, std::string> waiting_;  // what is to go out
  bool due_ = false;                            // the timer runs
  std::size_t listeners_ = 0;
  Clock::time_point flushed_{};
};

}  // namespace entropy::api

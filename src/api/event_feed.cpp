#include "api/event_feed.hpp"

#include <algorithm>

#include "api/views_json.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

using namespace std::chrono_literals;

// Between two writes to each listener. A write takes the thread some 20 us, so that all of them together take it for a
// fifth of its time at most; a few listeners are told at once.
constexpr std::chrono::microseconds for_each_listener = 100us;
constexpr std::chrono::microseconds at_most = 200ms;

}  // namespace

std::string print_event(const control::Event& event, EventFormat format) {
  const std::string json = policy::print_json(to_json(event));
  if (format == EventFormat::json_lines) return json + "\n";
  return concat("id: ", event.id, "\nevent: ", event.type, "\ndata: ", json, "\n\n");
}

struct EventFeed::Member final : Listener {
  Member(std::shared_ptr<EventFeed> its_feed, EventFormat its_format, std::shared_ptr<Outbox> its_outbox,
         std::function<void()> its_lags)
      : feed(std::move(its_feed)), format(its_format), outbox(std::move(its_outbox)), lags(std::move(its_lags)) {
    auto& members = feed->members_[format];
    place = members.insert(members.end(), this);
    ++feed->listeners_;
  }
  ~Member() override {
    feed->members_[format].erase(place);
    if (--feed->listeners_ == 0) feed->subscription_.reset();
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  std::shared_ptr<EventFeed> feed;
  EventFormat format;
  std::shared_ptr<Outbox> outbox;
  std::function<void()> lags;
  std::list<Member*>::iterator place;
};

std::unique_ptr<EventFeed::Listener> EventFeed::join(EventFormat format, std::shared_ptr<Outbox> outbox,
                                                     std::function<void()> lags) {
  flush();  // what happened before is not for the new one
  if (!subscription_) subscription_ = service_.subscribe(0, [this](const control::Event& event) { on_event(event); });
  return std::make_unique<Member>(shared_from_this(), format, std::move(outbox), std::move(lags));
}

void EventFeed::on_event(const control::Event& event) {
  for (const auto& [format, members] : members_) {
    if (!members.empty()) waiting_[format] += print_event(event, format);
  }
  if (std::exchange(due_, true)) return;
  const auto pause = std::min(for_each_listener * static_cast<std::int64_t>(listeners_), at_most);
  timer_.expires_at(std::max(Clock::now(), flushed_ + pause));
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (self && !error) self->flush();
  });
}

void EventFeed::flush() {
  due_ = false;
  timer_.cancel();
  flushed_ = Clock::now();
  for (auto& [format, members] : members_) {
    if (waiting_[format].empty()) continue;
    const auto text = std::make_shared<const std::string>(std::exchange(waiting_[format], {}));
    for (auto it = members.begin(); it != members.end();) {
      Member& member = **it++;
      if (!member.outbox->push(text) && !member.outbox->closed()) member.lags();
    }
  }
}

}  // namespace entropy::api

// The end of a service: nothing of it stays at any engine.

#include <algorithm>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/log.hpp"
#include "control/reconciler_runtime.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration one_look = 50ms;

}  // namespace

bool Reconciler::any_injector_at_hand() const {
  const auto is_made = [](const auto& each) { return each.second.doing == Busy::Doing::creating; };
  if (std::ranges::any_of(busy_, is_made)) return true;
  const Observed observed = observe();
  return std::ranges::any_of(observed.injectors,
                             [&](const auto& each) { return !observed.lost.contains(each.endpoint); });
}

asio::awaitable<std::size_t> Reconciler::shut_down(Duration within) {
  stopped_ = true;
  work_.notify();
  const auto deadline = timing_.elapsed() + within;
  for (auto& [id, runtime] : runtimes_) {
    if (runtime.link) runtime.link->send(program::Stop{});
  }
  std::size_t left = co_await acts_.shut_down(within / 2);
  co_await customs_.shut_down(within * 2 / 3);
  // Asked nicely, they roll back and end; the engine's events tell.
  const auto patience = timing_.elapsed() + within / 3;
  while (any_injector_at_hand() && timing_.elapsed() < patience) co_await work_.wait(one_look);
  for (const auto& each : endpoints_) left += co_await sweep(*each, deadline);
  given_up_ = true;
  for (const auto& each : endpoints_) each->stop();
  // Their sockets must go before the context that they belong to.
  for (auto& [id, runtime] : runtimes_) {
    if (runtime.link) runtime.link->close();
  }
  runtimes_.clear();
  co_return left;
}

// By what the engine says: it may have made a container whose creation was never answered.
asio::awaitable<std::size_t> Reconciler::sweep(Endpoint& where, Duration deadline) {
  std::size_t left = where.known() ? known_to_be(where) : left_by_former(where.name());
  if (!where.lost()) left = std::max<std::size_t>(left, 1);  // until it is seen that there are none
  while (!where.lost()) {
    const auto asked = timing_.elapsed();
    std::vector<std::string> labels = {concat(label::manager, "=", options_.manager_id)};
    const auto listed = co_await where.engine().list_containers(true, std::move(labels));
    if (listed) {
      std::vector<std::string> ids;
      for (const auto& container : *listed) {
        if (is_of_ours(container) && label_of(container, label::manager) == options_.manager_id)
          ids.push_back(container.id);
      }
      left = ids.size() + under_way(where, asked);
      for (const auto& id : ids) {
        const auto removed = co_await where.engine().remove_container(id);
        if (!removed) log::debug("{}: removing {}: {}", where.name(), id.substr(0, 12), removed.error().message);
      }
    }
    if (left == 0 || timing_.elapsed() >= deadline) break;
    co_await timing_.sleep(one_look);
  }
  co_return left;
}

// Injectors that the engine was asked for: they may come when it has been looked at.
std::size_t Reconciler::under_way(const Endpoint& where, Duration looked_at) const {
  const auto being_made = std::ranges::count_if(busy_, [&](const auto& each) {
    return each.second.doing == Busy::Doing::creating && each.second.endpoint == where.name();
  });
  return static_cast<std::size_t>(being_made) + customs_.being_made(where.name()) +
         (where.may_lack_created(looked_at) ? 1 : 0);
}

// At an engine that never answered: faults that nobody has seen end.
std::size_t Reconciler::left_by_former(const std::string& endpoint_name) const {
  const auto open = journal_.left_open();
  return static_cast<std::size_t>(
      std::ranges::count(open, endpoint_name, [](const auto& record) { return record.endpoint; }));
}

// By what was heard of it last.
std::size_t Reconciler::known_to_be(const Endpoint& where) const {
  const auto is_there = [&](const auto& entry) {
    const CachedContainer& cached = entry.second;
    return cached.is_of_ours() && label_of(cached.container(), label::manager) == options_.manager_id &&
           (cached.up || cached.container().state == "created");
  };
  return static_cast<std::size_t>(std::ranges::count_if(where.containers(), is_there)) +
         under_way(where, where.listed_at());
}

}  // namespace entropy::control

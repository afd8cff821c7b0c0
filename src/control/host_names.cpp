#include "control/host_names.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "control/log.hpp"
#include "control/spawn.hpp"

namespace entropy::control {

namespace asio = boost::asio;

void HostNames::want(const std::vector<std::string>& names) {
  constexpr auto look_up_every = std::chrono::seconds(30);
  const auto unwanted = [&](const auto& entry) { return std::ranges::find(names, entry.first) == names.end(); };
  std::erase_if(known_, unwanted);
  std::erase_if(unresolved_, unwanted);
  std::erase_if(due_, unwanted);
  const auto now = std::chrono::steady_clock::now();
  for (const auto& name : names) {
    auto& due = due_[name];
    if (now < due) continue;
    due = now + look_up_every;
    spawn(executor_, "looking up a peer's name", look_up(shared_from_this(), name));
  }
}

asio::awaitable<void> HostNames::look_up(std::shared_ptr<HostNames> self, std::string name) {
  asio::ip::tcp::resolver resolver(executor_);
  const auto [error, found] = co_await resolver.async_resolve(name, "", asio::as_tuple(asio::use_awaitable));
  if (!changed_ || !due_.contains(name)) co_return;
  if (error) {
    log::warn("the peer {} is no container and can't be resolved: {}", name, error.message());
    if (known_.contains(name)) co_return;
    if (std::exchange(unresolved_[name], error.message()) != error.message()) changed_();
    co_return;
  }
  std::vector<Prefix> addresses;
  for (const auto& entry : found) {
    if (auto address = parse_prefix(entry.endpoint().address().to_string())) addresses.push_back(*address);
  }
  std::ranges::sort(addresses);
  addresses.erase(std::ranges::unique(addresses).begin(), addresses.end());
  unresolved_.erase(name);
  if (known_[name] == addresses) co_return;
  known_[name] = std::move(addresses);
  changed_();
}

}  // namespace entropy::control

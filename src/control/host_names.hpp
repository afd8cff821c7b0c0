// Addresses of hosts that are no containers, as the manager's own resolver knows them; looked up again from time to
// time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/prefix.hpp"

namespace entropy::control {

// One thread. To be held by a shared pointer: what is being looked up keeps it alive.
class HostNames : public std::enable_shared_from_this<HostNames> {
 public:
  // `changed` is called when an answer differs from the one before; not after `close`.
  HostNames(boost::asio::any_io_executor executor, std::function<void()> changed)
      : executor_(std::move(executor)), changed_(std::move(changed)) {}

  // These are needed, others no more. Starts what look-ups are due.
  void want(const std::vector<std::string>& names);
  void close() { changed_ = nullptr; }

  // A name that can't be resolved has no addresses; while it can't, the last ones count.
  const std::map<std::string, std::vector<Prefix>>& known() const { return known_; }
  // Those that have never been resolved since they were needed, and why.
  const std::map<std::string, std::string>& unresolved() const { return unresolved_; }

 private:
  boost::asio::awaitable<void> look_up(std::shared_ptr<HostNames> self, std::string name);

  boost::asio::any_io_executor executor_;
  std::function<void()> changed_;
  std::map<std::string, std::vector<Prefix>> known_;
  std::map<std::string, std::string> unresolved_;
  std::map<std::string, std::chrono::steady_clock::time_point> due_;
};

}  // namespace entropy::control

// Starting a coroutine that nobody waits for: whatever escapes it is logged, never lost.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <string>

#include "control/log.hpp"

namespace entropy::control {

template <class Awaitable>
void spawn(const boost::asio::any_io_executor& executor, std::string what, Awaitable coroutine) {
  boost::asio::co_spawn(executor, std::move(coroutine), [what](std::exception_ptr error) {
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      log::error("{}: {}", what, e.what());
    }
  });
}

}  // namespace entropy::control

// Runs one coroutine to its end on an io_context, from a test that is none itself.
#pragma once

#include <boost/asio.hpp>
#include <exception>
#include <optional>
#include <stdexcept>

#include "base/result.hpp"

namespace entropy::fakes {

// Rethrows what the coroutine throws; throws when it has not ended within a minute.
template <class T>
Result<T> run_task(boost::asio::io_context& io, boost::asio::awaitable<Result<T>> task) {
  // Shared, for a task that does not end is still there when this has returned.
  struct State {
    std::exception_ptr thrown;
    std::optional<Result<T>> result;
  };
  const auto state = std::make_shared<State>();
  boost::asio::co_spawn(io, std::move(task), [state](std::exception_ptr thrown, Result<T> result) {
    state->thrown = thrown;
    state->result.emplace(std::move(result));
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  io.restart();
  while (!state->result && io.run_one_until(deadline) != 0) {
  }
  if (!state->result) throw std::runtime_error("the task has not ended");
  if (state->thrown) std::rethrow_exception(state->thrown);
  return std::move(*state->result);
}

}  // namespace entropy::fakes

// A real API server with a fake control plane behind it, on a thread of its own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <future>
#include <thread>

#include "api/server.hpp"
#include "fakes/fake_service.hpp"

namespace entropy::api {

class RunningServer {
 public:
  explicit RunningServer(Options options, bool with_unix_socket = false) {
    server_.emplace(context_.get_executor(), service, std::move(options));
    std::vector<Address> wanted = {{Address::Kind::tcp, "127.0.0.1", 0, ""}};
    if (with_unix_socket) {
      wanted.push_back({Address::Kind::unix_socket, "", 0, concat("/tmp/entropy-test-", ::getpid(), ".sock")});
    }
    const auto listening = server_->listen(wanted);
    if (!listening) throw std::runtime_error(listening.error().message);
    addresses = server_->addresses();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~RunningServer() {
    stop(std::chrono::milliseconds(0));
    work_.reset();
    thread_.join();
    server_.reset();
  }

  // Runs on the server's thread and waits for it.
  template <class F>
  auto on_thread(F action) {
    std::packaged_task<decltype(action())()> task(std::move(action));
    auto result = task.get_future();
    boost::asio::post(context_, [&task] { task(); });
    return result.get();
  }
  // Until the condition, looked at on the server's thread, holds.
  void wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!on_thread(condition)) {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("waited in vain");
      std::this_thread::yield();
    }
  }
  void drain() { server_->drain(); }  // on its thread
  void stop(std::chrono::milliseconds bound) {
    if (std::exchange(stopped_, true)) return;
    boost::asio::co_spawn(context_, server_->stop(bound), boost::asio::use_future).get();
  }

  control::FakeService service;
  std::vector<Address> addresses;

 private:
  boost::asio::io_context context_;
  // The thread runs on though a test has drained the server and its last connection has ended.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ =
      boost::asio::make_work_guard(context_);
  std::optional<Server> server_;
  std::thread thread_;
  bool stopped_ = false;
};

}  // namespace entropy::api

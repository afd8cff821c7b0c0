// The real entropy-injector at its pipes, as process 1 of a process namespace and inside a lab's target: as in its
// container.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "kernel/lab.hpp"
#include "program/command.hpp"
#include "program/report_reader.hpp"

namespace entropy::testing {

class Sidekick {
 public:
  explicit Sidekick(const Lab& lab);
  ~Sidekick();
  Sidekick(const Sidekick&) = delete;
  Sidekick& operator=(const Sidekick&) = delete;

  pid_t pid() const { return pid_; }
  void send(const program::Command& command) { send_line(program::encode(command)); }
  void send_line(const std::string& line);
  void close_input() { input_.reset(); }
  void close_output() { output_.reset(); }
  // nullopt: none within some seconds, or the stream has ended.
  std::optional<std::string> next_line();
  // Skips what is in between.
  template <class T>
  std::optional<T> next();
  std::optional<std::vector<std::string>> read_header();
  // Never once it is reaped: -1 would mean every process there is.
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }
  // The exit code, or minus the signal; nullopt if it goes on living.
  std::optional<int> wait(std::chrono::milliseconds timeout);

 private:
  pid_t pid_ = -1;
  Fd input_;
  Fd output_;
  program::LineSplitter splitter_;
  std::deque<std::string> lines_;
};

template <class T>
std::optional<T> Sidekick::next() {
  while (const auto line = next_line()) {
    const auto report = program::parse_report(*line);
    EXPECT_TRUE(report) << *line;
    if (report && std::holds_alternative<T>(*report)) return std::get<T>(*report);
  }
  return std::nullopt;
}

}  // namespace entropy::testing

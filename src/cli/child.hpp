// The command that `run -- CMD` runs: signals and terminal are passed through. For programs of one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace entropy::cli {

struct Signal {
  int number = 0;
  bool from_terminal = false;  // Ctrl-C: every process of the foreground group has got it
};

// While it lives, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 end nothing but are handed out here.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The next one; none when the time is over or `also` (a descriptor, -1: none) is readable.
  std::optional<Signal> wait(std::chrono::milliseconds at_most, int also = -1) const;
  // For a new process: signals as they were.
  void undo_in_child() const;

 private:
  sigset_t before_{};
  Fd descriptor_;
};

class Child {
 public:
  // ErrorCode::not_found, or ErrorCode::permission for a file that can't be executed; nothing is run.
  static Result<> check(const std::vector<std::string>& words);
  static Result<Child> start(const std::vector<std::string>& words, const Signals& signals);

  int descriptor() const { return pidfd_.get(); }  // readable once it has ended
  // Its exit code, 128 + n if signal n has ended it; none while it runs.
  std::optional<int> ended();
  void send(int signal) const;

 private:
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  Fd pidfd_;
};

}  // namespace entropy::cli

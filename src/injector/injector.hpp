// An injector: follows its program by the clock, lives on a lease, obeys its manager. Values in, effects through the
// kernel's edge, reports out; the caller waits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "injector/faults.hpp"
#include "kernel/backend.hpp"
#include "program/command.hpp"
#include "program/report.hpp"

namespace entropy::injector {

// What an injector is made of. The references must outlive it.
struct Setup {
  kernel::Backend& backend;
  const Clock& clock;
  const SteadyClock& steady;
  std::string version;
  std::string trouble;  // why there is no real backend; empty where there is one
};

// When `on_time` shall be called at the latest: whichever comes first.
struct Wake {
  Time wall;
  Duration steady;
};

// One thread. A State is reported at the start, after every change of a fault or of the lease, and in answer to every
// command but a lease.
class Injector {
 public:
  Injector(Setup setup, Sink sink);
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;

  // Removes what a dead predecessor left and reports the first State. Call once, first.
  void start();
  // A line from the manager; one that is no command is reported and does nothing.
  void on_line(std::string_view line);
  void on_command(program::Command command);
  // Does what is due now; harmless at any time.
  void on_time();
  // Rolls everything back; `exit_code` is set afterwards.
  void stop();

  Wake wake_at() const;
  // Set once there is nothing more to do: 0, or 1 if the kernel could not be read back clean.
  std::optional<int> exit_code() const { return exit_code_; }

 private:
  void execute(program::Program program);
  void execute(program::Lease lease);
  void execute(program::Pause);
  void execute(program::Unpause);
  void execute(program::Stop);
  void heard();
  void check_lease();
  bool is_due() const;
  void settle();
  void report_state();

  Setup setup_;
  Sink sink_;
  Faults faults_;
  program::Program program_;
  Duration lease_;
  Duration heard_at_;
  bool leased_ = true;
  bool paused_ = false;
  bool clean_ = false;  // as last read back
  bool dirty_ = true;   // there is something that the last State does not tell
  Time settled_at_{};
  Time next_change_ = policy::never;
  std::optional<int> exit_code_;
};

}  // namespace entropy::injector

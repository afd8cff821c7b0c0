// The real injector as a process of the simulated host: on a kernel in memory, on virtual time.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "chaos/agenda.hpp"
#include "fakes/fake_backend.hpp"
#include "injector/injector.hpp"
#include "program/line_splitter.hpp"

namespace entropy::chaos {

// Policy, failure, window and planned start of a fault.
using FaultKey = std::tuple<std::string, std::string, std::uint64_t, Time>;
FaultKey key_of(const program::Fault& fault);

// One thread. Lives from the start of its container to its end; what it held is gone with it.
class InjectorProcess {
 public:
  struct Surroundings {
    std::function<void(std::string line)> on_output;
    std::function<void()> on_exit;  // may destroy the process
    std::function<void(const program::Fault&)> on_started;
    // Why the kernel refuses; the namespace may have another owner of rules.
    std::function<std::optional<Error>(const kernel::State&)> refuses;
  };
  InjectorProcess(Agenda& agenda, const Clock& clock, Surroundings surroundings);
  ~InjectorProcess();
  InjectorProcess(const InjectorProcess&) = delete;
  InjectorProcess& operator=(const InjectorProcess&) = delete;

  void start();
  void input(std::string_view bytes);
  // Killed: it does and says nothing any more.
  void end();
  // Frozen it does nothing and is told nothing; its rules expire by themselves.
  void freeze(bool frozen);
  // Somebody has set the clock, which wakes it.
  void clock_was_set();
  // Somebody undoes its rules.
  void flush_kernel() { backend_.held = {}; }

  const kernel::State& held() const;
  // Of the faults that it says hold; empty while it is frozen for longer than its rules live.
  std::set<FaultKey> holds() const;
  // When each fault that was ever held has been held last.
  std::map<FaultKey, Duration> last_held() const;
  const std::string& last_state() const { return last_state_; }  // as it told
  const program::Program& program() const { return program_; }
  bool frozen() const { return frozen_since_.has_value(); }

 private:
  void on_report(program::Report report);
  void go_on();
  bool expired() const;

  Agenda& agenda_;
  const Clock& clock_;
  Surroundings surroundings_;
  fakes::FakeBackend backend_;
  injector::Injector injector_;
  program::LineSplitter splitter_;
  program::Program program_;  // as it came in
  std::set<FaultKey> active_;
  std::map<FaultKey, Duration> ended_;
  std::string last_state_;
  std::string waiting_input_;
  std::optional<Duration> frozen_since_;
  std::optional<Agenda::Entry> wake_;
  bool over_ = false;
};

}  // namespace entropy::chaos

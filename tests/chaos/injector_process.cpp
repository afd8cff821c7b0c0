#include "chaos/injector_process.hpp"

#include <algorithm>

#include "base/version.hpp"
#include "policy/schedule.hpp"

namespace entropy::chaos {
namespace {

using namespace std::chrono_literals;

constexpr Duration rules_live = 2s;  // without renewal

}  // namespace

FaultKey key_of(const program::Fault& fault) {
  return {fault.policy, fault.failure, fault.window, fault.planned_start};
}

InjectorProcess::InjectorProcess(Agenda& agenda, const Clock& clock, Surroundings surroundings)
    : agenda_(agenda),
      clock_(clock),
      surroundings_(std::move(surroundings)),
      injector_({backend_, clock, agenda, std::string(version), ""},
                [this](program::Report report) { on_report(std::move(report)); }) {
  backend_.refuses = surroundings_.refuses;
}

InjectorProcess::~InjectorProcess() { end(); }

void InjectorProcess::end() {
  over_ = true;
  if (wake_) agenda_.cancel(*wake_);
  wake_.reset();
}

void InjectorProcess::start() {
  surroundings_.on_output(std::string(program::header_open) + "\n{\"started\":true}\n" +
                          std::string(program::header_close) + "\n");
  injector_.start();
  go_on();
}

void InjectorProcess::input(std::string_view bytes) {
  waiting_input_ += bytes;
  if (frozen()) return;
  const std::string taken = std::exchange(waiting_input_, {});
  splitter_.feed(taken, [this](std::string_view line) {
    if (auto command = program::decode(line); command && std::holds_alternative<program::Program>(*command))
      program_ = std::get<program::Program>(std::move(*command));
    injector_.on_line(line);
  });
  go_on();
}

void InjectorProcess::freeze(bool frozen) {
  if (frozen == frozen_since_.has_value()) return;
  if (frozen) {
    frozen_since_ = agenda_.elapsed();
    return;
  }
  frozen_since_.reset();
  injector_.on_time();
  input("");
}

// After anything that it did: the next time that it has something to do.
void InjectorProcess::go_on() {
  if (over_) return;
  if (injector_.exit_code()) return surroundings_.on_exit();
  if (wake_) agenda_.cancel(*wake_);
  const injector::Wake wake = injector_.wake_at();
  const Duration by_wall = wake.wall == policy::never ? Duration::max() : wake.wall - clock_.now();
  wake_ = agenda_.after(std::min(by_wall, wake.steady - agenda_.elapsed()), [this] {
    wake_.reset();
    if (frozen()) return;
    injector_.on_time();
    go_on();
  });
}

void InjectorProcess::clock_was_set() {
  if (over_ || frozen()) return;
  injector_.on_time();
  go_on();
}

void InjectorProcess::on_report(program::Report report) {
  if (over_) return;
  if (const auto* started = std::get_if<program::FaultStarted>(&report)) {
    active_.insert(key_of(started->fault));
    surroundings_.on_started(started->fault);
  }
  if (const auto* ended = std::get_if<program::FaultEnded>(&report)) {
    active_.erase(key_of(ended->fault));
    ended_[key_of(ended->fault)] = agenda_.elapsed();
  }
  const std::string line = program::to_json_line(report);
  if (std::holds_alternative<program::State>(report)) last_state_ = line;
  surroundings_.on_output(line + "\n");
}

bool InjectorProcess::expired() const {
  return over_ || (frozen_since_ && agenda_.elapsed() > *frozen_since_ + rules_live);
}

const kernel::State& InjectorProcess::held() const {
  static const kernel::State nothing;
  return expired() ? nothing : backend_.held;
}

std::map<FaultKey, Duration> InjectorProcess::last_held() const {
  auto all = ended_;
  const Duration now = agenda_.elapsed();
  for (const auto& fault : active_) all[fault] = frozen_since_ ? std::min(now, *frozen_since_ + rules_live) : now;
  return all;
}

std::set<FaultKey> InjectorProcess::holds() const { return expired() ? std::set<FaultKey>() : active_; }

}  // namespace entropy::chaos

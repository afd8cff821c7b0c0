#include "injector/injector.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "injector/merge.hpp"

namespace entropy::injector {
namespace {

// Until the manager says another.
constexpr Duration default_lease = std::chrono::seconds(30);
// An injector that nobody has spoken to for so many leases leaves.
constexpr int leases_alone = 10;

}  // namespace

Injector::Injector(Setup setup, Sink sink)
    : setup_(std::move(setup)),
      sink_(std::move(sink)),
      faults_(setup_.backend, setup_.clock, setup_.steady,
              [this](program::Report report) {
                dirty_ = true;
                sink_(std::move(report));
              }),
      lease_(default_lease),
      heard_at_(setup_.steady.elapsed()) {}

void Injector::start() { settle(); }

void Injector::on_line(std::string_view line) {
  if (line.empty()) return;
  auto command = program::decode(line);
  if (command) {
    on_command(std::move(*command));
  } else {
    sink_(program::Log{command.error().message});
  }
}

void Injector::on_command(program::Command command) {
  if (exit_code_) return;
  heard();
  std::visit([this](auto& value) { execute(std::move(value)); }, command);
  if (!exit_code_) settle();
}

void Injector::execute(program::Program program) {
  program_ = std::move(program);
  dirty_ = true;
}
void Injector::execute(program::Lease lease) {
  lease_ = lease.duration;
  sink_(program::Alive{faults_.progress()});
}
void Injector::execute(program::Pause) {
  paused_ = true;
  dirty_ = true;
}
void Injector::execute(program::Unpause) {
  paused_ = false;
  dirty_ = true;
}
void Injector::execute(program::Stop) { stop(); }

void Injector::on_time() {
  if (exit_code_) return;
  check_lease();
  if (!exit_code_ && is_due()) settle();
}

// Whether the answer can be another than the last one. Every packet that is held asks twice, and programs may be long.
bool Injector::is_due() const {
  const Time now = setup_.clock.now();
  return dirty_ || now < settled_at_ || now >= next_change_ || faults_.is_due();
}

void Injector::stop() {
  if (exit_code_) return;
  program_.entries.clear();
  dirty_ = true;  // a stop is answered even if there was nothing to stop
  settle();
  exit_code_ = clean_ ? 0 : 1;
}

Wake Injector::wake_at() const {
  const Duration lease_end = heard_at_ + (leased_ ? lease_ : lease_ * leases_alone);
  return {next_change_, std::min(lease_end, faults_.wake_at().value_or(Duration::max()))};
}

// Whoever commands is there: every command renews the lease.
void Injector::heard() {
  heard_at_ = setup_.steady.elapsed();
  dirty_ |= !std::exchange(leased_, true);
}

void Injector::check_lease() {
  const Duration alone = setup_.steady.elapsed() - heard_at_;
  if (leased_ && alone >= lease_) {
    leased_ = false;
    dirty_ = true;
    // A manager that comes back hands its program again; what this one said may no longer be wanted.
    program_ = {};
    sink_(program::Log{concat("no word from a manager for ", to_string(lease_), ": everything is rolled back")});
  }
  if (alone >= lease_ * leases_alone) {
    sink_(program::Log{"no manager came back: leaving"});
    stop();
  }
}

void Injector::settle() {
  const Time now = setup_.clock.now();
  const Decision decision = decide(program_, now, {paused_, leased_});
  const std::string trouble_before = faults_.trouble();
  const auto failed_before = faults_.failed();
  faults_.settle(decision.faults, now);
  dirty_ |= faults_.trouble() != trouble_before || faults_.failed() != failed_before;
  settled_at_ = now;
  next_change_ = decision.next;
  if (dirty_) report_state();
}

void Injector::report_state() {
  program::State state{program_.revision, setup_.version, setup_.backend.name(), paused_,
                       leased_,           false,          faults_.active(),      setup_.trouble};
  const auto held = setup_.backend.read_back();
  clean_ = held && held->empty();
  state.clean = clean_;
  if (!state.active.empty()) state.effects = faults_.explanation();
  state.failed = faults_.failed();
  if (!faults_.trouble().empty()) state.message = faults_.trouble();
  if (!held) {
    state.message = concat("can't be read back: ", held.error().message);
  } else if (state.active.empty() && !state.clean && state.message.empty()) {
    state.message = concat("the kernel still holds: ", describe(*held));
  }
  dirty_ = false;
  sink_(std::move(state));
}

}  // namespace entropy::injector

// The faults that hold in this network namespace: makes the kernel follow what is wanted, and reports what came of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "injector/decide.hpp"
#include "injector/merge.hpp"
#include "injector/observation.hpp"
#include "kernel/backend.hpp"
#include "program/report.hpp"

namespace entropy::injector {

using Sink = std::function<void(program::Report)>;

// One thread. Reports FaultStarted and FaultEnded only for what the backend has read back; FaultFailed once for every
// fault that the kernel refuses, or whose interfaces are not there, which is then tried again while it is wanted: from
// time to time, and when interfaces come or go. What holds is read back every second: what somebody has undone is made
// again, or else said to have ended.
class Faults {
 public:
  // All of them must outlive this object.
  Faults(kernel::Backend& backend, const Clock& clock, const SteadyClock& steady, Sink sink);

  // Makes `wanted` hold and nothing else. Touches the kernel only where what it shall do differs from what it does.
  // The first call removes what a dead predecessor left, even if nothing is wanted.
  void settle(const std::vector<Due>& wanted, Time now);

  std::vector<program::Fault> active() const;
  // The same, with what was measured at the last look.
  std::vector<program::Progress> progress() const;
  // Line by line what is done to whom, and by whose doing.
  std::vector<std::string> explanation() const;
  // When `settle` shall be called for another attempt or look, by the steady clock.
  std::optional<Duration> wake_at() const;
  // Whether it is time for that, or interfaces have come or gone.
  bool is_due() const;
  // What is wanted and does not hold, with the reason.
  std::vector<program::FaultFailed> failed() const;
  // Why the kernel can't be made to hold what it should, and nothing else.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Active {
    Due due;
    Time started;
    Observation observation;
    program::Measured measured() const;
  };

  // In the whole namespace.
  struct Seen {
    kernel::Tally tally;
    std::vector<kernel::TcpConnection> connections;
  };
  struct Failed {
    Due due;
    std::string reason;
  };

  void notice_loss();
  bool retry_is_due();
  bool has_failed(const Due& fault) const;
  std::string lacking(const Due& fault) const;
  Result<> reach(const std::vector<Due>& goal, Time now);
  void reach_one_by_one(const std::vector<Due>& goal, Error error, Time now);
  void give_up(const std::vector<Due>& goal, const Error& error, Time now);
  void retire_all_but(const std::vector<Due>& goal, Time now);
  void admit(const std::vector<Due>& goal, const Seen& before);
  void blame(const Due& fault, const Error& error);
  void plan_retry();
  Seen observe();
  std::string held_text();
  bool is_active(const Due& fault) const;

  kernel::Backend& backend_;
  const Clock& clock_;
  const SteadyClock& steady_;
  Sink sink_;
  std::vector<Active> active_;
  std::vector<Failed> failed_;                 // wanted, and reported as such
  std::optional<std::vector<Due>> attempted_;  // the last answer to `wanted`
  std::optional<kernel::State> applied_;       // none: unknown
  std::vector<Part> parts_;                    // what that was merged of
  Duration look_at_{0};                        // when what is applied is read back again
  std::vector<std::string> interfaces_;        // at the last look
  std::optional<Duration> retry_at_;
  Duration retry_wait_;
  std::string trouble_;
};

}  // namespace entropy::injector

// What the reconciler knows of one injector besides what the engine says; of use to reconciler*.cpp only.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "control/injector_link.hpp"
#include "control/reconciler.hpp"

namespace entropy::control {

inline constexpr Duration answer_time = std::chrono::seconds(5);       // for an injector to answer to its program
inline constexpr Duration accounting_delay = std::chrono::seconds(1);  // after a window's end, for reports under way

struct Reconciler::Runtime {
  std::string endpoint;
  std::string target_id;
  std::shared_ptr<InjectorLink> link;  // null: not attached
  std::uint64_t sent_revision = 0;
  std::vector<program::Entry> sent;
  // By the time that never jumps.
  Duration sent_at{};
  Duration connected_at{};
  Duration heard_at{};     // of the last report
  bool silent = false;     // no report in time; what it held last is not counted on any more
  bool condemned = false;  // it had not answered to its program when its removal began, which goes on until it is gone
  bool asked_about = false;  // the engine, whether it is there, for nothing is heard of it
  Duration asked_at{};       // once more, after the engine was silent, too
  std::optional<program::State> state;
  std::optional<Duration> unreached_since;    // it could not be attached to, and may be well
  std::optional<Duration> catching_up_since;  // with what it said while nobody listened
  std::optional<Duration> needed_since;       // until it is ready for the first time
  bool at_work = false;                       // made by this service, or given a policy by it

  Duration quiet_since() const { return std::max(connected_at, heard_at); }
  bool awaits_answer() const { return link && sent_revision != 0 && (!state || state->revision != sent_revision); }

  void show(ObservedInjector& injector, Duration elapsed) const {
    injector.attached = link != nullptr;
    injector.silent = silent || condemned || (awaits_answer() && elapsed >= sent_at + answer_time);
    injector.unheard = asked_about;
    injector.sent_revision = sent_revision;
    injector.sent = sent;
    injector.state = state;
  }
};

InjectorView view_of(const ObservedInjector& injector, bool removing);

}  // namespace entropy::control

#include "control/views.hpp"

namespace entropy::control {

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::stopped:
      return "stopped";
    case Phase::expired:
      return "expired";
    case Phase::halted:
      return "halted";
    case Phase::waiting:
      return "waiting";
    case Phase::degraded:
      return "degraded";
    case Phase::active:
      return "active";
    case Phase::armed:
      return "armed";
  }
  return "waiting";
}

std::string_view to_string(InjectorState state) {
  switch (state) {
    case InjectorState::starting:
      return "starting";
    case InjectorState::running:
      return "running";
    case InjectorState::paused:
      return "paused";
    case InjectorState::failed:
      return "failed";
    case InjectorState::removing:
      return "removing";
  }
  return "starting";
}

}  // namespace entropy::control

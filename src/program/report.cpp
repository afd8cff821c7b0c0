#include "program/report.hpp"

#include "base/text.hpp"

namespace entropy::program {
namespace {

std::string flag(bool value) { return value ? "true" : "false"; }

std::string fault_fields(const Fault& fault) {
  std::string out = concat(R"("policy":)", json_string(fault.policy), R"(,"target":)", json_string(fault.target),
                           R"(,"failure":)", json_string(fault.failure), R"(,"window":)", fault.window,
                           R"(,"planned_start":")", to_rfc3339(fault.planned_start), '"');
  if (fault.planned_end != policy::never)
    append(out, concat(R"(,"planned_end":")", to_rfc3339(fault.planned_end), '"'));
  if (fault.started != Time{}) append(out, concat(R"(,"started":")", to_rfc3339(fault.started), '"'));
  return out;
}

std::string measured_fields(const Measured& measured) {
  return concat(R"("packets":)", measured.packets, R"(,"measured":)", to_json(measured));
}

std::string line_of(const State& state) {
  std::vector<std::string> active;
  active.reserve(state.active.size());
  for (const auto& fault : state.active) active.push_back(concat("{", fault_fields(fault), "}"));
  std::vector<std::string> effects;
  effects.reserve(state.effects.size());
  for (const auto& effect : state.effects) effects.push_back(json_string(effect));
  std::vector<std::string> failed;
  failed.reserve(state.failed.size());
  for (const auto& [fault, message] : state.failed) {
    failed.push_back(concat("{", fault_fields(fault), R"(,"message":)", json_string(message), "}"));
  }
  return concat(R"({"event":"state","revision":)", state.revision, R"(,"version":)", json_string(state.version),
                R"(,"backend":)", json_string(state.backend), R"(,"paused":)", flag(state.paused), R"(,"leased":)",
                flag(state.leased), R"(,"clean":)", flag(state.clean), R"(,"active":[)", join(active, ","),
                R"(],"effects":[)", join(effects, ","), R"(],"failed":[)", join(failed, ","), R"(],"message":)",
                json_string(state.message), "}");
}
std::string line_of(const FaultStarted& report) {
  return concat(R"({"event":"fault.started",)", fault_fields(report.fault), R"(,"kernel":)", json_string(report.kernel),
                "}");
}
std::string line_of(const FaultEnded& report) {
  return concat(R"({"event":"fault.ended",)", fault_fields(report.fault), R"(,"ended":")", to_rfc3339(report.ended),
                R"(","outcome":")", report.cut_short ? "cut-short" : "completed", R"(",)",
                measured_fields(report.measured), R"(,"kernel":)", json_string(report.kernel), "}");
}
std::string line_of(const FaultFailed& report) {
  return concat(R"({"event":"fault.failed",)", fault_fields(report.fault), R"(,"message":)",
                json_string(report.message), "}");
}
std::string line_of(const Alive& alive) {
  std::vector<std::string> faults;
  faults.reserve(alive.faults.size());
  for (const auto& [fault, measured] : alive.faults) {
    faults.push_back(concat("{", fault_fields(fault), ",", measured_fields(measured), "}"));
  }
  return concat(R"({"event":"alive","faults":[)", join(faults, ","), "]}");
}
std::string line_of(const Examined& report) {
  return concat(R"({"event":"examined","backend":)", json_string(report.backend), R"(,"missing":)",
                json_string(report.missing), "}");
}
std::string line_of(const Log& log) { return concat(R"({"event":"log","message":)", json_string(log.message), "}"); }

}  // namespace

std::string to_json(const Measured& measured) {
  std::string out =
      concat(R"({"dropped":)", measured.dropped, R"(,"delayed":)", measured.delayed, R"(,"duplicated":)",
             measured.duplicated, R"(,"altered":)", measured.altered, R"(,"connections":)", measured.connections,
             R"(,"segments":)", measured.segments, R"(,"retransmitted":)", measured.retransmitted);
  if (measured.rtt) append(out, concat(R"(,"rtt":")", to_string(*measured.rtt), '"'));
  if (measured.rtt_before) append(out, concat(R"(,"rtt_before":")", to_string(*measured.rtt_before), '"'));
  if (!measured.asked.empty()) append(out, concat(R"(,"asked":)", json_string(measured.asked)));
  return out + "}";
}

std::string to_json_line(const Report& report) {
  return std::visit([](const auto& value) { return line_of(value); }, report);
}

}  // namespace entropy::program

#include "program/report_reader.hpp"

#include <boost/json.hpp>

#include "base/text.hpp"

namespace entropy::program {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

std::uint64_t number_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  if (const auto* number = value->if_int64(); number != nullptr && *number >= 0)
    return static_cast<std::uint64_t>(*number);
  const auto* number = value->if_uint64();
  return number != nullptr ? *number : 0;
}

bool flag_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

Time time_at(const json::object& object, std::string_view key, Time absent) {
  const auto time = parse_rfc3339(text_at(object, key));
  return time ? *time : absent;
}

Fault fault_of(const json::object& object) {
  return Fault{text_at(object, "policy"),
               text_at(object, "target"),
               text_at(object, "failure"),
               number_at(object, "window"),
               time_at(object, "planned_start", Time{}),
               time_at(object, "planned_end", policy::never),
               time_at(object, "started", Time{})};
}

std::optional<Duration> duration_at(const json::object& object, std::string_view key) {
  const auto duration = parse_duration(text_at(object, key));
  return duration ? std::optional(*duration) : std::nullopt;
}

Measured measured_of(const json::object& object) {
  Measured measured;
  measured.packets = number_at(object, "packets");
  const auto* value = object.if_contains("measured");
  if (value == nullptr || !value->is_object()) return measured;
  const json::object& fields = value->as_object();
  measured.dropped = number_at(fields, "dropped");
  measured.delayed = number_at(fields, "delayed");
  measured.duplicated = number_at(fields, "duplicated");
  measured.altered = number_at(fields, "altered");
  measured.connections = number_at(fields, "connections");
  measured.segments = number_at(fields, "segments");
  measured.retransmitted = number_at(fields, "retransmitted");
  measured.rtt = duration_at(fields, "rtt");
  measured.rtt_before = duration_at(fields, "rtt_before");
  measured.asked = text_at(fields, "asked");
  return measured;
}

template <class Use>
void for_each_object(const json::object& object, std::string_view key, Use use) {
  const auto* values = object.if_contains(key);
  if (values == nullptr || !values->is_array()) return;
  for (const auto& value : values->as_array()) {
    if (value.is_object()) use(value.as_object());
  }
}

Alive alive_of(const json::object& object) {
  Alive alive;
  for_each_object(object, "faults",
                  [&](const json::object& fault) { alive.faults.push_back({fault_of(fault), measured_of(fault)}); });
  return alive;
}

State state_of(const json::object& object) {
  State state{number_at(object, "revision"),
              text_at(object, "version"),
              text_at(object, "backend"),
              flag_at(object, "paused"),
              flag_at(object, "leased"),
              flag_at(object, "clean"),
              {},
              text_at(object, "message")};
  for_each_object(object, "active", [&](const json::object& fault) { state.active.push_back(fault_of(fault)); });
  for_each_object(object, "failed", [&](const json::object& fault) {
    state.failed.push_back({fault_of(fault), text_at(fault, "message")});
  });
  const auto* effects = object.if_contains("effects");
  if (effects != nullptr && effects->is_array()) {
    for (const auto& effect : effects->get_array()) {
      if (effect.is_string()) state.effects.emplace_back(effect.get_string());
    }
  }
  return state;
}

}  // namespace

Result<Report> parse_report(std::string_view line) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr) {
    return fail(ErrorCode::protocol, concat("the injector said something else: ", quoted(line.substr(0, 200))));
  }
  const std::string event = text_at(*object, "event");
  if (event == "state") return state_of(*object);
  if (event == "fault.started") return FaultStarted{fault_of(*object), text_at(*object, "kernel")};
  if (event == "fault.ended") {
    return FaultEnded{fault_of(*object), time_at(*object, "ended", Time{}), text_at(*object, "outcome") == "cut-short",
                      measured_of(*object), text_at(*object, "kernel")};
  }
  if (event == "fault.failed") return FaultFailed{fault_of(*object), text_at(*object, "message")};
  if (event == "alive") return alive_of(*object);
  if (event == "examined") return Examined{text_at(*object, "backend"), text_at(*object, "missing")};
  return Log{event == "log" ? text_at(*object, "message") : std::string(line)};
}

}  // namespace entropy::program

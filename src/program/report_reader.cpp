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

State state_of(const json::object& object) {
  State state{number_at(object, "revision"),
              text_at(object, "version"),
              text_at(object, "backend"),
              flag_at(object, "paused"),
              flag_at(object, "leased"),
              flag_at(object, "clean"),
              {},
              text_at(object, "message")};
  if (const auto* active = object.if_contains("active"); active != nullptr && active->is_array()) {
    for (const auto& entry : active->as_array()) {
      if (entry.is_object()) state.active.push_back(fault_of(entry.as_object()));
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
                      number_at(*object, "packets")};
  }
  if (event == "fault.failed") return FaultFailed{fault_of(*object), text_at(*object, "message")};
  if (event == "alive") return Alive{};
  if (event == "examined") return Examined{text_at(*object, "backend"), text_at(*object, "missing")};
  return Log{event == "log" ? text_at(*object, "message") : std::string(line)};
}

}  // namespace entropy::program

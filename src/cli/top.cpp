#include "cli/top.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "cli/changes.hpp"
#include "cli/fields.hpp"
#include "cli/table.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

// "12s", "1m5s": whole seconds; what is over is "0s".
std::string seconds_between(Time from, Time to) {
  const auto whole = std::chrono::ceil<std::chrono::seconds>(to - from);
  return to_string(std::chrono::duration_cast<Duration>(std::max(whole, std::chrono::seconds(0))));
}

std::string countdown(const std::string& time, Time now) {
  const auto at = parse_rfc3339(time);
  return at ? seconds_between(now, *at) : "";
}

std::optional<policy::Schedule> schedule_of(const json::array& policies, const std::string& name) {
  for (const auto& each : policies) {
    if (field_text(each, "name") != name) continue;
    auto draft = policy_of(each);
    const auto epoch = parse_rfc3339(field_text(each, "epoch"));
    if (!draft || !epoch) return std::nullopt;
    draft->policy.schedule.epoch = *epoch;
    return draft->policy.schedule;
  }
  return std::nullopt;
}

std::string ends_in(const TopFrame& frame, const std::string& policy) {
  const auto schedule = schedule_of(frame.policies, policy);
  const auto window = schedule ? policy::window_at(*schedule, frame.now) : std::nullopt;
  if (!window) return "";
  return window->end == policy::never ? "when stopped" : seconds_between(frame.now, window->end);
}

std::string heading(const TopFrame& frame, std::size_t active) {
  return concat("entropy  ", frame.where, "  ", frame.policies.size(), " policies, ", frame.injectors.size(),
                " injectors, ", active, " active faults  ",
                to_rfc3339(std::chrono::floor<std::chrono::seconds>(frame.now)), "\n");
}

std::string halt_line(const json::value& halt) {
  if (field_text(halt, "halted") != "true") return "";
  const std::string reason = field_text(halt, "reason");
  return concat("HALTED since ", field_text(halt, "since"), reason.empty() ? "" : concat(": ", reason),
                "  (r resumes)\n");
}

std::vector<Row> policy_rows(const TopFrame& frame) {
  std::vector<Row> rows;
  for (const auto& each : frame.policies) {
    const auto text = [&](std::string_view path) { return field_text(each, path); };
    rows.push_back({text("name"), text("phase"), text("targets"), text("active"), text("missed"),
                    countdown(text("status.next_window"), frame.now), text("message")});
  }
  return rows;
}

json::array list_in(const json::value& value, std::string_view name) {
  const auto* list = find_field(value, name);
  return list != nullptr && list->is_array() ? list->get_array() : json::array();
}

Row fault_row(const TopFrame& frame, const json::value& fault, std::string target, std::string backend) {
  const auto since = parse_rfc3339(field_text(fault, "since"));
  return {std::move(target),
          field_text(fault, "policy"),
          field_text(fault, "failure"),
          field_text(fault, "window"),
          since ? seconds_between(*since, frame.now) : "",
          ends_in(frame, field_text(fault, "policy")),
          std::move(backend)};
}

std::vector<Row> fault_rows(const TopFrame& frame) {
  std::vector<Row> rows;
  for (const auto& policy : frame.policies) {
    for (const auto& each : list_in(policy, "acts"))
      rows.push_back(fault_row(frame, each, field_text(each, "target"), "engine"));
  }
  for (const auto& injector : frame.injectors) {
    const auto text = [&](std::string_view path) { return field_text(injector, path); };
    const auto faults = list_in(injector, "active");
    for (const auto& each : faults) rows.push_back(fault_row(frame, each, text("target.name"), text("backend")));
    if (faults.empty()) rows.push_back({text("target.name"), text("policies"), "-", "", "", "", text("state")});
  }
  return rows;
}

}  // namespace

std::string draw_top(const TopFrame& frame, const TopStyle& style) {
  const auto paint = [&](std::string_view code, const std::string& text) {
    return style.color && !text.empty() ? concat("\033[", code, "m", text, "\033[0m") : text;
  };
  std::size_t active = 0;
  for (const auto& each : frame.injectors) active += list_in(each, "active").size();
  for (const auto& each : frame.policies) active += list_in(each, "acts").size();
  std::string out = paint("1", heading(frame, active));
  out += paint("1;31", halt_line(frame.halt));
  if (!frame.trouble.empty()) return concat(out, paint("31", frame.trouble), "\n");
  out += "\n";
  out += format_table(
      {{"POLICY", true}, {"PHASE"}, {"TARGETS"}, {"ACTIVE"}, {"MISSED"}, {"NEXT IN"}, {"MESSAGE", true, true}},
      policy_rows(frame), style.width);
  out += "\n";
  out += format_table({{"TARGET", true}, {"POLICY", true}, {"FAILURE"}, {"WINDOW"}, {"FOR"}, {"ENDS IN"}, {"BACKEND"}},
                      fault_rows(frame), style.width);
  return out;
}

}  // namespace entropy::cli

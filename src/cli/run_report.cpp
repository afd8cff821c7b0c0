#include "cli/run_report.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cli/fields.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

std::string counted(std::size_t number, std::string_view what) {
  return concat(number, " ", what, number == 1 ? "" : "s");
}

// The reason of the first window that was missed or failed.
std::string first_reason(const json::array& faults) {
  for (const auto& fault : faults) {
    const std::string outcome = field_text(fault, "outcome");
    if (outcome != "missed" && outcome != "failed") continue;
    const std::string message = field_text(fault, "message");
    return concat(" (", outcome, " on ", field_text(fault, "target"), message.empty() ? "" : concat(": ", message),
                  ")");
  }
  return {};
}

void check_expectation(PolicyOutcome& outcome, const policy::Expectation& expect, const json::array& faults) {
  const std::size_t wanted_hits = expect.hits.value_or(1);
  if (outcome.hits < wanted_hits) {
    outcome.problems.push_back(outcome.hits == 0
                                   ? concat("never fired", first_reason(faults))
                                   : concat(counted(outcome.hits, "hit"), ", at least ", wanted_hits, " expected"));
  }
  if (expect.targets && outcome.targets < *expect.targets) {
    outcome.problems.push_back(
        concat("hit ", counted(outcome.targets, "container"), ", at least ", *expect.targets, " expected"));
  }
  if (expect.missed && outcome.missed > *expect.missed) {
    outcome.problems.push_back(concat(counted(outcome.missed, "window"), " missed, at most ", *expect.missed,
                                      " expected", first_reason(faults)));
  }
}

bool passed(const RunOutcome& outcome) { return exit_code_of(outcome) == 0; }

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string test_case(std::string_view name, const std::vector<std::string>& problems) {
  const std::string head = concat("  <testcase classname=\"entropy\" name=\"", xml(name), "\"");
  if (problems.empty()) return concat(head, "/>\n");
  return concat(head, ">\n    <failure message=\"", xml(join(problems, "; ")), "\"/>\n  </testcase>\n");
}

std::vector<std::string> command_problems(const RunOutcome& outcome) {
  if (!outcome.exit_code) return {"was not run"};
  if (*outcome.exit_code == 0) return {};
  return {concat("exited ", *outcome.exit_code)};
}

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

json::array texts(const std::vector<std::string>& values) { return json::array(values.begin(), values.end()); }

}  // namespace

PolicyOutcome judge(const std::string& name, const policy::Expectation& expect, const json::array& faults) {
  PolicyOutcome outcome{name, "", 0, 0, 0, {}};
  std::set<std::string> hit_windows;
  std::set<std::string> hit_targets;
  std::set<std::string> missed_windows;
  for (const auto& fault : faults) {
    const std::string target = concat(field_text(fault, "endpoint"), " ", field_text(fault, "target"));
    const std::string window = concat(target, " ", field_text(fault, "window"));
    const std::string what = field_text(fault, "outcome");
    if (what == "missed" || what == "failed") {
      missed_windows.insert(window);
    } else if (!field_text(fault, "started").empty()) {
      hit_windows.insert(window);
      hit_targets.insert(target);
    }
  }
  // What failed at first and held after another attempt is a hit.
  std::erase_if(missed_windows, [&](const std::string& window) { return hit_windows.contains(window); });
  outcome.hits = hit_windows.size();
  outcome.targets = hit_targets.size();
  outcome.missed = missed_windows.size();
  check_expectation(outcome, expect, faults);
  return outcome;
}

int exit_code_of(const RunOutcome& outcome) {
  constexpr int not_as_expected = 125;
  if (outcome.exit_code.value_or(0) != 0) return *outcome.exit_code;
  const bool as_expected =
      std::ranges::all_of(outcome.policies, [](const auto& each) { return each.problems.empty(); });
  return as_expected && outcome.left.empty() && outcome.problems.empty() ? 0 : not_as_expected;
}

std::string summary_of(const PolicyOutcome& outcome) {
  std::string text = concat(counted(outcome.hits, "hit"), " on ", counted(outcome.targets, "container"));
  if (outcome.missed > 0) append(text, concat(", ", outcome.missed, " missed"));
  return text;
}

std::string json_report(const RunOutcome& outcome) {
  json::array policies;
  for (const auto& each : outcome.policies) {
    policies.push_back({{"name", each.name},
                        {"seed", parse_unsigned(each.seed).value_or(0)},
                        {"hits", each.hits},
                        {"targets", each.targets},
                        {"missed", each.missed},
                        {"problems", texts(each.problems)}});
  }
  json::value code = nullptr;
  if (outcome.exit_code) code = *outcome.exit_code;
  const json::object report{{"passed", passed(outcome)},       {"command", texts(outcome.command)},
                            {"exit_code", std::move(code)},    {"began", outcome.began},
                            {"ended", outcome.ended},          {"problems", texts(outcome.problems)},
                            {"policies", std::move(policies)}, {"left", texts(outcome.left)},
                            {"faults", outcome.faults}};
  return policy::print_json(report, policy::JsonStyle::indented) + "\n";
}

std::string junit_report(const RunOutcome& outcome) {
  std::string cases;
  std::size_t tests = 0;
  std::size_t failures = 0;
  const auto add = [&](std::string_view name, const std::vector<std::string>& problems) {
    cases += test_case(name, problems);
    ++tests;
    if (!problems.empty()) ++failures;
  };
  if (!outcome.problems.empty()) add("began", outcome.problems);
  for (const auto& each : outcome.policies) add(concat(each.name, " happened"), each.problems);
  add("rolled back", outcome.left);
  if (!outcome.command.empty()) add(join(outcome.command, " "), command_problems(outcome));
  return concat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"entropy\" tests=\"", tests,
                "\" failures=\"", failures, "\" timestamp=\"", xml(outcome.began), "\">\n", cases, "</testsuite>\n");
}

std::string markdown_report(const RunOutcome& outcome) {
  std::string text = concat("## Entropy: ", passed(outcome) ? "passed" : "failed", "\n\n");
  for (const auto& each : outcome.problems) append(text, concat(cell(each), "\n\n"));
  append(text, "| policy | seed | hits | containers | missed | |\n|---|---|---|---|---|---|\n");
  for (const auto& each : outcome.policies) {
    append(text, concat("| ", cell(each.name), " | ", each.seed, " | ", each.hits, " | ", each.targets, " | ",
                        each.missed, " | ", each.problems.empty() ? "ok" : cell(join(each.problems, "; ")), " |\n"));
  }
  append(text, outcome.left.empty() ? "\nEvery fault was rolled back and read back as gone.\n"
                                    : concat("\nNot rolled back: ", cell(join(outcome.left, "; ")), "\n"));
  if (!outcome.command.empty()) {
    const std::string ended = outcome.exit_code ? concat("exited ", *outcome.exit_code) : "was not run";
    append(text, concat("\n`", cell(join(outcome.command, " ")), "` ", ended, ".\n"));
  }
  return text;
}

}  // namespace entropy::cli

// A report that was understood is written as one line that is understood as the same report.
#include "program/report_reader.hpp"

#include "check.hpp"

namespace entropy::fuzz {

void check(std::string_view input) {
  const auto report = program::parse_report(input);
  if (!report) return;
  const std::string line = program::to_json_line(*report);
  require(line.find('\n') == std::string::npos);
  require(program::parse_report(line) == *report);
}

}  // namespace entropy::fuzz

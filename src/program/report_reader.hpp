// The manager's side of report.hpp: from the bytes of an attach stream to reports.
#pragma once

#include <string_view>

#include "program/line_splitter.hpp"
#include "program/report.hpp"

namespace entropy::program {

// ErrorCode::protocol for a line that is none of ours; lines with an unknown "event" are Logs.
Result<Report> parse_report(std::string_view line);

}  // namespace entropy::program

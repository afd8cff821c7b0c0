// The manager's side of report.hpp: from the bytes of an attach stream to reports.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "program/report.hpp"

namespace entropy::program {

// ErrorCode::protocol for a line that is none of ours; lines with an unknown "event" are Logs.
Result<Report> parse_report(std::string_view line);

// Cuts a byte stream into lines; a line longer than 1 MiB is dropped.
class LineSplitter {
 public:
  void feed(std::string_view bytes, const std::function<void(std::string_view line)>& on_line);

 private:
  std::string partial_;
  bool dropping_ = false;
};

}  // namespace entropy::program

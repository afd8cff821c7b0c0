// The files that `run --report` names.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/run_report.hpp"

namespace entropy::cli {

struct Report {
  std::string format;  // junit, json or markdown
  std::string path;
};

// From "FORMAT=FILE" each; ErrorCode::invalid for anything else.
Result<std::vector<Report>> read_reports(const std::vector<std::string>& given);

class ReportFiles {
 public:
  // Before the run begins, so that a file that can't be written is known then, and that no report of an earlier run
  // stays where this one dies.
  static Result<ReportFiles> open(const std::vector<Report>& reports);
  // To be called once.
  Result<> write(const RunOutcome& outcome);

 private:
  struct File {
    Report report;
    std::ofstream stream;
  };
  std::vector<File> files_;
};

}  // namespace entropy::cli

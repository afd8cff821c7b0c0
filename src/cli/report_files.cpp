#include "cli/report_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"

namespace entropy::cli {
namespace {

std::string print(const std::string& format, const RunOutcome& outcome) {
  if (format == "junit") return junit_report(outcome);
  return format == "json" ? json_report(outcome) : markdown_report(outcome);
}

std::unexpected<Error> unwritable(const Report& report) {
  return fail(ErrorCode::unavailable,
              concat("--report: ", report.path, " cannot be written: ", std::strerror(errno == 0 ? EIO : errno)));
}

}  // namespace

Result<std::vector<Report>> read_reports(const std::vector<std::string>& given) {
  std::vector<Report> reports;
  const std::vector<std::string> formats = {"junit", "json", "markdown"};
  for (const std::string_view each : given) {
    const auto equals = each.find('=');
    if (equals == std::string_view::npos || equals + 1 == each.size())
      return fail(ErrorCode::invalid, concat("--report ", each, " is not FORMAT=FILE, as in --report junit=chaos.xml"));
    const std::string format(each.substr(0, equals));
    if (std::ranges::find(formats, format) == formats.end())
      return fail(ErrorCode::invalid,
                  concat("--report: unknown format ", entropy::quoted(format), did_you_mean(format, formats)));
    reports.push_back({format, std::string(each.substr(equals + 1))});
  }
  return reports;
}

Result<ReportFiles> ReportFiles::open(const std::vector<Report>& reports) {
  ReportFiles files;
  for (const auto& report : reports) {
    errno = 0;
    std::ofstream stream(report.path, std::ios::binary);
    if (!stream) return unwritable(report);
    files.files_.push_back({report, std::move(stream)});
  }
  return files;
}

Result<> ReportFiles::write(const RunOutcome& outcome) {
  for (auto& file : files_) {
    errno = 0;
    file.stream << print(file.report.format, outcome);
    file.stream.close();
    if (!file.stream) return unwritable(file.report);
  }
  return {};
}

}  // namespace entropy::cli

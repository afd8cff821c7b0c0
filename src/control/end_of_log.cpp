#include "control/end_of_log.hpp"

#include "base/text.hpp"
#include "program/report_reader.hpp"

namespace entropy::control {

docker::Task<std::string> end_of_log(docker::Engine& engine, std::string id, std::size_t lines) {
  std::string log;
  std::function<bool(std::string_view)> sink = [&log](std::string_view bytes) {
    log += bytes;
    return true;
  };
  const auto read = co_await engine.logs(std::move(id), false, lines, std::move(sink));
  if (!read) co_return fail(read.error());
  co_return log;
}

std::vector<program::Report> reports_in(std::string_view log) {
  std::vector<program::Report> reports;
  for (const auto line : split(log, '\n')) {
    auto report = program::parse_report(trim(line));
    if (report) reports.push_back(std::move(*report));
  }
  return reports;
}

}  // namespace entropy::control

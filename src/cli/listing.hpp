// Lists of objects as tables, JSON lines or by a template; what ls, lsi, faults, match and failures share.
#pragma once

#include "cli/command.hpp"

namespace entropy::cli {

// How a list is to be shown; from the options of the same names.
struct ListOptions {
  std::string format = "table";
  std::vector<std::string> filters;
  bool quiet = false;
  bool no_trunc = false;
};

void add_list_options(CLI::App& command, ListOptions& options);
void add_format_option(CLI::App& command, std::string& format);

struct Layout {
  std::vector<Column> columns;
  std::function<Row(const boost::json::value&)> row;
  std::function<std::string(const boost::json::value&)> quiet;
  std::vector<std::string> may_lack = {};  // fields that not every object has: empty for filters and templates
};

// Those objects of the array that pass the filters; ErrorCode::protocol if it is none, ErrorCode::invalid for a wrong
// filter.
Result<boost::json::array> passing(const boost::json::value& list, const std::vector<std::string>& filters,
                                   const Layout& layout);

// Prints those objects of the array that pass the filters. Wrong filters, formats and templates are wrong usage.
int print_list(const Context& context, const boost::json::value& list, const ListOptions& options,
               const Layout& layout);

// ErrorCode::invalid for a format that is neither one of those nor a template.
Result<> check_format(std::string_view format, const std::vector<std::string>& known);

// The first 12 characters of an identifier, unless `no_trunc`.
std::string short_id(const std::string& id, bool no_trunc);

}  // namespace entropy::cli

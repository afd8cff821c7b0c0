#include "cli/listing.hpp"

#include <ostream>

#include "base/text.hpp"
#include "cli/fields.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

Result<std::string> print_one(const json::value& object, const ListOptions& options, const Layout& layout) {
  if (options.quiet) return layout.quiet(object);
  if (options.format == "json") return policy::print_json(object);
  return expand_template(options.format, object);
}

}  // namespace

void add_format_option(CLI::App& command, std::string& format) {
  command.add_option("--format", format, "table, json (one object a line) or a template such as '{{.Name}}'")
      ->type_name("FORMAT");
}

void add_list_options(CLI::App& command, ListOptions& options) {
  command.add_flag("-q,--quiet", options.quiet, "names or ids alone");
  command.add_flag("--no-trunc", options.no_trunc, "shorten nothing");
  add_list_option(command, "--filter", options.filters, "only those whose field K is V (a glob; repeatable)", "K=V");
  add_format_option(command, options.format);
}

int print_list(const Context& context, const json::value& list, const ListOptions& options, const Layout& layout) {
  std::string lines;
  std::vector<Row> rows;
  const bool as_table = options.format == "table" && !options.quiet;
  if (!list.is_array()) return context.report({ErrorCode::protocol, "the service does not answer with a list"});
  for (const auto& object : list.get_array()) {
    const auto passes = passes_filters(object, options.filters);
    if (!passes) return context.usage(passes.error().message);
    if (!*passes) continue;
    if (as_table) {
      rows.push_back(layout.row(object));
      continue;
    }
    const auto line = print_one(object, options, layout);
    if (!line) return context.usage(line.error().message);
    append(lines, concat(*line, "\n"));
  }
  const std::size_t width = options.no_trunc ? 0 : context.console.width;
  context.console.out << (as_table ? format_table(layout.columns, rows, width) : lines);
  return done;
}

std::string short_id(const std::string& id, bool no_trunc) { return no_trunc ? id : id.substr(0, 12); }

}  // namespace entropy::cli

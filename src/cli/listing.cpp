#include "cli/listing.hpp"

#include <algorithm>
#include <ostream>

#include "base/text.hpp"
#include "cli/fields.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view table_prefix = "table";  // alone, or before a template for each cell, as Docker has it

// With the fields that it may lack, empty.
json::value completed(const json::value& object, const Layout& layout) {
  json::value whole = object;
  if (auto* fields = whole.if_object()) {
    for (const auto& name : layout.may_lack) fields->emplace(name, nullptr);
  }
  return whole;
}

Result<std::string> print_one(const json::value& object, const ListOptions& options, const Layout& layout) {
  if (options.quiet) return layout.quiet(object);
  if (options.format == "json") return policy::print_json(object);
  return expand_template(options.format, completed(object, layout));
}

// The cells of "{{.Name}}\t{{.Phase}}"; a tab may be written either way.
std::vector<std::string> cells_of(std::string_view text) {
  std::string whole(text);
  for (auto at = whole.find("\\t"); at != std::string::npos; at = whole.find("\\t", at)) whole.replace(at, 2, "\t");
  std::vector<std::string> cells;
  for (const auto cell : split(whole, '\t')) cells.emplace_back(cell);
  return cells;
}

// "{{.Status.NextWindow}}" -> "NEXT WINDOW"
std::string title_of(std::string_view cell) {
  const auto begin = cell.rfind('.');
  const auto end = std::min(cell.find("}}"), cell.size());
  std::string title;
  for (const char c : begin < end ? cell.substr(begin + 1, end - begin - 1) : cell) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !title.empty() && title.back() != ' ' && !(title.back() == 'I' && c == 'D')) title += ' ';
    title += c == '_' ? ' ' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return title;
}

Result<Row> row_of(const std::vector<std::string>& cells, const json::value& object) {
  Row row;
  for (const auto& cell : cells) {
    auto text = expand_template(cell, object);
    if (!text) return fail(text.error());
    row.push_back(std::move(*text));
  }
  return row;
}

int print_table(const Context& context, const json::array& list, const ListOptions& options, const Layout& layout) {
  std::vector<Column> columns = layout.columns;
  std::vector<std::string> cells;
  if (options.format != table_prefix) {
    const auto begin = options.format.find_first_not_of(' ', table_prefix.size());
    cells = cells_of(std::string_view(options.format).substr(begin));
    columns.clear();
    for (const auto& cell : cells) columns.push_back({title_of(cell), true});
  }
  std::vector<Row> rows;
  for (const auto& object : list) {
    auto row = cells.empty() ? Result<Row>(layout.row(object)) : row_of(cells, completed(object, layout));
    if (!row) return context.usage(row.error().message);
    rows.push_back(std::move(*row));
  }
  context.console.out << format_table(columns, rows, options.no_trunc ? 0 : context.console.width);
  return done;
}

}  // namespace

void add_format_option(CLI::App& command, std::string& format) {
  command
      .add_option("--format", format,
                  "table, json (one object a line) or a template: '{{.Name}}', 'table {{.Name}}\\t{{.State}}'")
      ->type_name("FORMAT");
}

void add_list_options(CLI::App& command, ListOptions& options) {
  command.add_flag("-q,--quiet", options.quiet, "names or ids alone");
  command.add_flag("--no-trunc", options.no_trunc, "shorten nothing");
  add_list_option(command, "-f,--filter", options.filters, "only those whose field K is V (a glob; repeatable)", "K=V");
  add_format_option(command, options.format);
}

Result<> check_format(std::string_view format, const std::vector<std::string>& known) {
  if (format.contains("{{") || std::ranges::find(known, format) != known.end()) return {};
  return fail(ErrorCode::invalid,
              concat("--format: unknown format ", entropy::quoted(format), did_you_mean(format, known)));
}

Result<json::array> passing(const json::value& list, const std::vector<std::string>& filters, const Layout& layout) {
  if (!list.is_array()) return fail(ErrorCode::protocol, "the service does not answer with a list");
  json::array chosen;
  for (const auto& object : list.get_array()) {
    const auto passes = passes_filters(completed(object, layout), filters);
    if (!passes) return fail(passes.error());
    if (*passes) chosen.push_back(object);
  }
  return chosen;
}

int print_list(const Context& context, const json::value& list, const ListOptions& options, const Layout& layout) {
  const std::vector<std::string> named = {"json", "table"};
  const auto checked = check_format(options.format, {named.begin(), named.end() - (layout.row ? 0 : 1)});
  if (!options.quiet && !checked) return context.usage(checked.error().message);
  const auto chosen = passing(list, options.filters, layout);
  if (!chosen) return context.refuse(chosen.error());
  if (!options.quiet && options.format.starts_with(table_prefix)) return print_table(context, *chosen, options, layout);
  std::string lines;
  for (const auto& object : *chosen) {
    const auto line = print_one(object, options, layout);
    if (!line) return context.usage(line.error().message);
    append(lines, concat(*line, "\n"));
  }
  context.console.out << lines;
  return done;
}

std::string short_id(const std::string& id, bool no_trunc) { return no_trunc ? id : id.substr(0, 12); }

}  // namespace entropy::cli

#include "cli/table.hpp"

#include <algorithm>
#include <string_view>

#include "base/utf8.hpp"

namespace entropy::cli {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 6;

// Control characters would move the cursor, or worse.
std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return out;
}

std::size_t total(const std::vector<std::size_t>& widths) {
  std::size_t sum = gap * (widths.size() - 1);
  for (const std::size_t width : widths) sum += width;
  return sum;
}

// Takes from the widest column that may shrink until all fit.
void fit(const std::vector<Column>& columns, std::vector<std::size_t>& widths, std::size_t width) {
  while (width != 0 && total(widths) > width) {
    std::size_t widest = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const bool candidate = columns[i].may_shrink && widths[i] > std::max(narrowest, columns[i].title.size());
      if (candidate && (widest == columns.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == columns.size()) return;
    --widths[widest];
  }
}

void hide_empty(std::vector<Column>& columns, std::vector<Row>& rows) {
  for (std::size_t i = columns.size(); i-- > 0;) {
    const auto empty = [i](const Row& row) { return row[i].empty(); };
    if (!columns[i].may_hide || !std::ranges::all_of(rows, empty)) continue;
    columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(i));
    for (auto& row : rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

std::string format_row(const Row& row, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string cell = shorten(printable(row[i]), widths[i]);
    line += cell;
    line.append(widths[i] - std::min(widths[i], display_width(cell)) + gap, ' ');
  }
  while (line.ends_with(' ')) line.pop_back();
  return line + '\n';
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string shorten(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::size_t bytes = 0;
  for (std::size_t characters = 0; bytes < text.size(); ++bytes) {
    if (begins_character(text[bytes]) && ++characters == width) break;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

std::string format_table(std::vector<Column> columns, std::vector<Row> rows, std::size_t width) {
  hide_empty(columns, rows);
  Row titles;
  std::vector<std::size_t> widths;
  for (const auto& column : columns) {
    titles.push_back(column.title);
    widths.push_back(column.title.size());
  }
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  fit(columns, widths, width);
  std::string out = format_row(titles, widths);
  for (const auto& row : rows) out += format_row(row, widths);
  return out;
}

}  // namespace entropy::cli

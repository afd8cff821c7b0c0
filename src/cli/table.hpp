// Text tables, as Docker prints them: columns two spaces apart.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace entropy::cli {

struct Column {
  std::string title;
  bool may_shrink = false;  // long text that may be shortened with "…" where the terminal is narrow
  bool may_hide = false;    // not shown where no row has anything in it
};

using Row = std::vector<std::string>;

// `width` 0: as wide as it gets. Columns that may not shrink keep their text even where that is too wide.
std::string format_table(std::vector<Column> columns, std::vector<Row> rows, std::size_t width);

// How many columns of a terminal the text takes: UTF-8 characters, each counted as one.
std::size_t display_width(std::string_view text);
std::string shorten(std::string_view text, std::size_t width);

}  // namespace entropy::cli

// The log. A message is put together by libfmt, compiled once: spdlog's own templates bring all of libfmt into every
// source that logs.
#pragma once

#include <fmt/core.h>

#include <string>

namespace entropy::log {

enum class Level { debug, info, warn, error };

void write(Level level, const std::string& message);

template <class... Arguments>
void debug(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::debug, fmt::vformat(format, fmt::make_format_args(arguments...)));
}
template <class... Arguments>
void info(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::info, fmt::vformat(format, fmt::make_format_args(arguments...)));
}
template <class... Arguments>
void warn(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::warn, fmt::vformat(format, fmt::make_format_args(arguments...)));
}
template <class... Arguments>
void error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::error, fmt::vformat(format, fmt::make_format_args(arguments...)));
}

}  // namespace entropy::log

#include "control/log.hpp"

#include <spdlog/spdlog.h>

namespace entropy::log {

void write(Level level, const std::string& message) {
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                  spdlog::level::err};
  spdlog::default_logger_raw()->log(levels[static_cast<int>(level)], spdlog::string_view_t(message));
}

}  // namespace entropy::log

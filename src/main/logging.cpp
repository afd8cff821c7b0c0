#include "main/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/text.hpp"
#include "base/units.hpp"

namespace entropy {
namespace {

// spdlog's own pattern for JSON does not escape quotes in messages.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto level = spdlog::level::to_string_view(message.level);
    const std::string line =
        concat(R"({"time":")", to_rfc3339(std::chrono::time_point_cast<Duration>(message.time)), R"(","level":")",
               std::string_view(level.data(), level.size()), R"(","message":)",
               json_string(std::string_view(message.payload.data(), message.payload.size())), "}\n");
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

void set_up_logging(bool json, const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("entropy", std::make_shared<spdlog::sinks::stderr_sink_st>());
  if (json) {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  }
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace entropy

#include "control/former.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "base/text.hpp"

namespace entropy::control {
namespace {

namespace json = boost::json;

constexpr std::int64_t nano = 1'000'000'000;
constexpr std::int64_t period = 100'000;  // the kernel's own, and engines'
// The kernel's own word for no limit: as many whole pages as a 64-bit number of bytes can hold.
constexpr std::int64_t all_memory = 0x7ffffffffffff000;

std::int64_t number_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

double cpus_of(const docker::Limits& limits) {
  if (limits.nano_cpus > 0) return static_cast<double>(limits.nano_cpus) / nano;
  const auto length = limits.cpu_period > 0 ? limits.cpu_period : period;
  return limits.cpu_quota > 0 ? static_cast<double>(limits.cpu_quota) / static_cast<double>(length) : 0;
}

docker::Limits limited_to(const docker::Limits& former, const failure::ContainerFailure& failure) {
  docker::Limits asked;
  if (const auto* cpu = std::get_if<failure::CpuLimit>(&failure)) {
    if (former.nano_cpus > 0) {
      asked.nano_cpus = std::llround(cpu->limit.number * nano);
    } else {
      // Once an engine knows a period, it takes no --cpus any more: it is asked for one only where it knows one.
      if (former.cpu_period > 0) asked.cpu_period = period;
      asked.cpu_quota = std::llround(cpu->limit.number * period);
    }
  } else if (const auto* memory = std::get_if<failure::MemoryLimit>(&failure)) {
    asked.memory = static_cast<std::int64_t>(memory->limit.bytes);
    // An engine wants to hear of swap together with memory, and can't give back a limit that was none.
    if (former.memory_swap <= 0) asked.memory_swap = -1;
  } else if (const auto* pids = std::get_if<failure::PidsLimit>(&failure)) {
    asked.pids = pids->limit;
  }
  return asked;
}

}  // namespace

std::string to_text(const Former& former) {
  const docker::Limits& limits = former.limits;
  json::object object{
      {"service", former.service},           {"started_at", former.started_at},       {"restart", former.restart.name},
      {"restart_most", former.restart.most}, {"restart_count", former.restart_count}, {"nano_cpus", limits.nano_cpus},
      {"cpu_period", limits.cpu_period},     {"cpu_quota", limits.cpu_quota},         {"memory", limits.memory},
      {"memory_swap", limits.memory_swap}};
  if (limits.pids) object["pids"] = *limits.pids;
  return json::serialize(object);
}

Former former_from(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  Former former;
  if (error || !value.is_object()) return former;
  const json::object& object = value.get_object();
  former.started_at = text_at(object, "started_at");
  former.service = text_at(object, "service");
  former.restart = {text_at(object, "restart"), static_cast<int>(number_at(object, "restart_most"))};
  former.restart_count = static_cast<int>(number_at(object, "restart_count"));
  former.limits = {number_at(object, "nano_cpus"), number_at(object, "cpu_period"),  number_at(object, "cpu_quota"),
                   number_at(object, "memory"),    number_at(object, "memory_swap"), std::nullopt};
  if (object.contains("pids")) former.limits.pids = number_at(object, "pids");
  return former;
}

docker::Limits limited(const docker::Limits& former, const std::vector<failure::ContainerFailure>& failures) {
  docker::Limits least;
  const auto lower = [](std::int64_t& value, std::int64_t other) {
    value = value == 0 ? other : std::min(value, other);
  };
  for (const auto& each : failures) {
    const docker::Limits asked = limited_to(former, each);
    lower(least.nano_cpus, asked.nano_cpus);
    lower(least.cpu_period, asked.cpu_period);
    lower(least.cpu_quota, asked.cpu_quota);
    lower(least.memory, asked.memory);
    lower(least.memory_swap, asked.memory_swap);
    if (asked.pids) least.pids = std::min(least.pids.value_or(*asked.pids), *asked.pids);
  }
  return least;
}

docker::Limits restored(const docker::Limits& former, const failure::ContainerFailure& failure) {
  docker::Limits asked;
  if (std::holds_alternative<failure::CpuLimit>(failure)) {
    asked.nano_cpus = former.nano_cpus;
    if (former.nano_cpus == 0) {
      asked.cpu_period = former.cpu_period;
      asked.cpu_quota = former.cpu_quota != 0 ? former.cpu_quota : -1;
    }
  } else if (std::holds_alternative<failure::MemoryLimit>(failure)) {
    asked.memory = former.memory != 0 ? former.memory : all_memory;
    if (former.memory_swap <= 0) asked.memory_swap = -1;
  } else if (std::holds_alternative<failure::PidsLimit>(failure)) {
    asked.pids = former.pids && *former.pids > 0 ? *former.pids : -1;
  }
  return asked;
}

bool in_place(const docker::Limits& now, const docker::Limits& asked) {
  const auto same = [](std::int64_t asked_value, std::int64_t value) {
    return asked_value == 0 || asked_value == value;
  };
  // Swap is not compared: it is never limited.
  return same(asked.nano_cpus, now.nano_cpus) && same(asked.cpu_quota, now.cpu_quota) &&
         same(asked.cpu_period, now.cpu_period) && same(asked.memory, now.memory) &&
         (!asked.pids || std::max<std::int64_t>(*asked.pids, 0) == std::max<std::int64_t>(now.pids.value_or(0), 0));
}

std::string no_less(const docker::Limits& former, const failure::ContainerFailure& failure) {
  if (const auto* cpu = std::get_if<failure::CpuLimit>(&failure)) {
    const double has = cpus_of(former);
    if (has > 0 && has <= cpu->limit.number)
      return concat("it has no more than ", entropy::to_string(has), " CPUs anyway");
  }
  if (const auto* memory = std::get_if<failure::MemoryLimit>(&failure)) {
    const auto has = static_cast<std::uint64_t>(std::max<std::int64_t>(former.memory, 0));
    if (has > 0 && has <= memory->limit.bytes)
      return concat("it has no more than ", entropy::to_string(Size{has}), " anyway");
  }
  if (const auto* pids = std::get_if<failure::PidsLimit>(&failure)) {
    const auto has = former.pids.value_or(0);
    if (has > 0 && has <= pids->limit) return concat("it may have no more than ", has, " anyway");
  }
  return {};
}

bool starts_again(const Former& former, int exit_code) {
  const std::string& name = former.restart.name;
  if (name == "always" || name == "unless-stopped") return true;
  const bool any_left = former.restart.most == 0 || former.restart_count < former.restart.most;
  return name == "on-failure" && exit_code != 0 && any_left;
}

}  // namespace entropy::control

#include "control/act_words.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "control/former.hpp"
#include "policy/failure_json.hpp"
#include "policy/policy_json.hpp"

namespace entropy::control {
namespace {

// Fine enough for people.
std::string text_of(Duration duration) {
  return entropy::to_string(
      std::chrono::duration_cast<Duration>(std::chrono::round<std::chrono::milliseconds>(duration)));
}

std::string print_act_failure(const failure::ContainerFailure& failure) {
  return boost::json::serialize(boost::json::object{{failure::name_of(failure), policy::params_to_json(failure)}});
}

}  // namespace

store::ActRecord record_of(const DueAct& due) {
  store::ActRecord record;
  record.endpoint = due.endpoint;
  record.container = due.container;
  record.name = due.name;
  record.policy = due.fault.policy;
  record.target = due.fault.target;
  record.failure = print_act_failure(due.failure);
  record.window = due.fault.window;
  record.planned_start = due.fault.planned_start;
  if (due.fault.planned_end != policy::never) record.planned_end = due.fault.planned_end;
  return record;
}

Result<failure::ContainerFailure> read_act_failure(std::string_view text) {
  const auto value = policy::parse_json(text);
  if (!value) return fail(value.error());
  const auto* object = value->if_object();
  if (object == nullptr || object->size() != 1) return fail(ErrorCode::internal, "it is not one failure");
  const auto params = policy::params_from_json(object->begin()->value());
  if (!params) return fail(params.error());
  return failure::parse_container(object->begin()->key(), *params);
}

std::string words_of(const failure::ContainerFailure& failure) {
  if (const auto* kill = std::get_if<failure::Kill>(&failure)) return concat(kill->signal.text, " was sent");
  if (std::holds_alternative<failure::Stop>(failure)) return "stopped";
  if (std::holds_alternative<failure::Restart>(failure)) return "restarted";
  if (std::holds_alternative<failure::Pause>(failure)) return "paused";
  if (std::holds_alternative<failure::Remove>(failure)) return "removed";
  if (const auto* cpu = std::get_if<failure::CpuLimit>(&failure))
    return concat("limited to ", entropy::to_string(cpu->limit.number), " CPUs");
  if (const auto* memory = std::get_if<failure::MemoryLimit>(&failure))
    return concat("limited to ", entropy::to_string(memory->limit), " of memory");
  return concat("limited to ", std::get<failure::PidsLimit>(failure).limit, " processes");
}

std::string words_of_survival(const failure::ContainerFailure& failure) {
  return concat(words_of(failure), "; it went on running");
}

std::string words_of_no_return(const failure::ContainerFailure& failure) {
  const bool removed = std::holds_alternative<failure::Remove>(failure);
  return concat(words_of(failure), removed ? "; none took its place" : "; it was not up and well by the window's end");
}

std::optional<Duration> down_time(const CachedContainer& again) {
  if (!again.details()) return std::nullopt;
  const auto ended = parse_rfc3339(again.details()->finished_at);
  const auto started = parse_rfc3339(again.started_at());
  // What has never ended has a time of the year 1.
  if (!ended || !started || *ended < Time{} || *started < *ended) return std::nullopt;
  return *started - *ended;
}

namespace {

// A container that took the place of another one has no earlier life.
std::optional<Duration> down_time(const store::ActRecord& record, const CachedContainer& again) {
  if (again.container().id == record.container) return down_time(again);
  const auto started = parse_rfc3339(again.started_at());
  if (!started || !record.done || *started < *record.done) return std::nullopt;
  return *started - *record.done;
}

}  // namespace

std::string words_of_return(const store::ActRecord& record, const failure::ContainerFailure& failure,
                            const CachedContainer& again, bool by_us) {
  const auto down = down_time(record, again);
  const std::string after = down ? concat(" after ", text_of(*down)) : "";
  if (std::holds_alternative<failure::Restart>(failure))
    return concat("restarted, down", down ? concat(" for ", text_of(*down)) : "");
  const std::string what = words_of(failure);
  if (again.container().id != record.container) return concat(what, "; another container took its place", after);
  const Former former = former_from(record.former);
  if (by_us) {
    return concat(what, "; started again", after, ", as its restart policy ", former.restart.name,
                  " says (Docker itself does not after a kill by its API)");
  }
  const bool by_docker = starts_again(former, 1);
  return concat(what, by_docker ? "; Docker restarted it" : "; somebody started it again", after);
}

std::string measured_json(std::optional<Duration> down, std::optional<Duration> well_after) {
  boost::json::object measured;
  if (down) measured["down"] = text_of(*down);
  if (well_after) measured["well_after"] = text_of(*well_after);
  return measured.empty() ? "" : boost::json::serialize(measured);
}

std::optional<Duration> measured_down(std::string_view measured) {
  const auto value = policy::parse_json(measured);
  const auto* object = value ? value->if_object() : nullptr;
  const auto* down = object == nullptr ? nullptr : object->if_contains("down");
  if (down == nullptr || !down->is_string()) return std::nullopt;
  const auto parsed = parse_duration(down->get_string());
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::string measured_return(const store::ActRecord& record, const CachedContainer& again, Time now) {
  std::optional<Duration> well_after;
  const auto started = parse_rfc3339(again.started_at());
  const bool has_check = !again.container().health.empty();
  if (has_check && started) well_after = std::max(Duration(0), now - *started);
  return measured_json(down_time(record, again), well_after);
}

}  // namespace entropy::control

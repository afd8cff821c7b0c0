#include "policy/policy.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "failure/catalogue.hpp"

namespace entropy::policy {

std::vector<std::string> failure_names(const Policy& policy) {
  if (policy.custom) return {policy.custom->name};
  std::vector<std::string> names;
  names.reserve(policy.failures.size() + policy.container_failures.size());
  for (const auto& each : policy.failures) names.emplace_back(failure::name_of(each));
  for (const auto& each : policy.container_failures) names.emplace_back(failure::name_of(each));
  return names;
}

bool is_instant(const Policy& policy) { return std::ranges::any_of(policy.container_failures, failure::is_instant); }

Result<> check_name(std::string_view name) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto allowed = [&](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
  constexpr std::size_t longest = 63;
  if (name.empty() || !alphanumeric(name.front()) || !std::ranges::all_of(name, allowed) || name.size() > longest) {
    return fail(ErrorCode::invalid, concat("the name ", quoted(name.substr(0, 80)),
                                           " is not allowed: use [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 63 characters"));
  }
  return {};
}

std::string make_name(std::uint64_t random) {
  constexpr std::array<std::string_view, 32> moods = {
      "amber",  "bold",   "brave",  "brisk",  "calm",  "clever", "cosmic", "crisp", "dusty", "eager", "early",
      "feisty", "frosty", "gentle", "giddy",  "hasty", "hazy",   "jolly",  "keen",  "lofty", "lucky", "mellow",
      "misty",  "noble",  "odd",    "plucky", "quiet", "rusty",  "shady",  "swift", "wild",  "witty"};
  constexpr std::array<std::string_view, 32> animals = {
      "adder", "badger", "bison",   "crane", "crow",  "dingo",  "eagle", "ferret", "finch", "gecko", "heron",
      "ibis",  "jackal", "kestrel", "lemur", "lynx",  "marten", "mole",  "newt",   "otter", "owl",   "puffin",
      "quail", "raven",  "seal",    "shrew", "stoat", "tapir",  "toad",  "viper",  "vole",  "wren"};
  return concat(moods[random % moods.size()], "-", animals[(random / moods.size()) % animals.size()]);
}

Time end_of(const Record& record) {
  if (!record.held) return expiry(record.policy.schedule);
  const Schedule& schedule = record.policy.schedule;
  return schedule.ttl ? schedule.epoch + *schedule.ttl : never;
}

bool restarts_schedule(const Policy& before, const Policy& after) {
  return (!before.running && after.running) || before.schedule.frequency != after.schedule.frequency ||
         before.schedule.delay != after.schedule.delay || before.schedule.seed != after.schedule.seed;
}

}  // namespace entropy::policy

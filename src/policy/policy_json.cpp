#include "policy/policy_json.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "base/text.hpp"
#include "failure/catalogue.hpp"
#include "policy/condition_json.hpp"
#include "policy/custom_json.hpp"
#include "policy/failure_json.hpp"

namespace entropy::policy {
namespace {

namespace json = boost::json;

// Collects what is wrong with each field while the rest is read on.
class Reader {
 public:
  template <class T>
  void take(std::string_view field, Result<T> result, T& destination) {
    if (result) {
      destination = std::move(*result);
    } else {
      refuse(field, result.error());
    }
  }
  template <class T>
  void take(std::string_view field, Result<T> result, std::optional<T>& destination) {
    T value{};
    const std::size_t before = errors.size();
    take(field, std::move(result), value);
    if (errors.size() == before) destination = std::move(value);
  }
  // A value that spans several fields: its error names them.
  template <class T>
  void take_all(Result<T> result, std::optional<T>& destination) {
    if (result) {
      destination = std::move(*result);
    } else {
      errors.insert(errors.end(), result.error().fields.begin(), result.error().fields.end());
    }
  }
  void refuse(std::string_view field, const Error& error) {
    if (error.fields.empty()) {
      errors.push_back({std::string(field), error.message});
      return;
    }
    for (const auto& each : error.fields) errors.push_back({concat(field, ".", each.field), each.message});
  }
  void refuse(std::string_view field, std::string message) {
    errors.push_back({std::string(field), std::move(message)});
  }

  std::vector<FieldError> errors;
};

template <class Parse>
auto parse_scalar(const json::value& value, Parse parse) -> decltype(parse(std::string_view())) {
  const auto text = scalar_text(value);
  if (!text) return fail(text.error());
  return parse(std::string_view(*text));
}

Result<std::string> parse_text(const json::value& value) {
  constexpr std::size_t longest = 4096;
  const auto* text = value.if_string();
  if (text == nullptr) return fail(ErrorCode::invalid, concat(json::serialize(value).substr(0, 80), " is not text"));
  if (text->size() > longest) return fail(ErrorCode::invalid, "is longer than 4096 characters");
  return std::string(*text);
}

Result<Duration> parse_positive(std::string_view text, BareNumber bare) {
  auto duration = parse_duration(text, bare);
  if (duration && *duration <= Duration::zero()) return fail(ErrorCode::invalid, "must be more than 0");
  return duration;
}

// Unless one of the name is there already.
template <class F>
void add_failure(Reader& reader, std::vector<F>& failures, std::string_view name, F failure) {
  for (const auto& other : failures) {
    if (failure::name_of(other) == failure::name_of(failure)) {
      return reader.refuse(concat("failure.", name), concat(failure::name_of(other), " is given twice"));
    }
  }
  failures.push_back(std::move(failure));
}

void read_failure(Reader& reader, Policy& policy, std::string_view name, const json::value& value) {
  const auto known = failure::find_any_kind(name);
  if (!known) return reader.refuse("failure", known.error());
  const auto params = params_from_json(value);
  if (!params) return reader.refuse(concat("failure.", name), params.error());
  if (failure::is_of_container(name)) {
    auto parsed = failure::parse_container(name, *params);
    if (!parsed) return reader.refuse("failure", parsed.error());
    return add_failure(reader, policy.container_failures, name, std::move(*parsed));
  }
  auto parsed = failure::parse(name, *params);
  if (!parsed) return reader.refuse("failure", parsed.error());
  if (const auto checked = check_peers(*parsed); !checked) return reader.refuse("failure", checked.error());
  add_failure(reader, policy.failures, name, std::move(*parsed));
}

void read_failures(Reader& reader, Policy& policy, const json::value& value) {
  if (const auto* name = value.if_string()) {
    return read_failure(reader, policy, *name, nullptr);
  }
  const auto* object = value.if_object();
  if (object == nullptr || object->empty()) {
    return reader.refuse("failure", "names a failure, as in {\"latency\": {\"delay\": \"250ms\"}}");
  }
  for (const auto& [name, params] : *object) read_failure(reader, policy, name, params);
}

void read_seed(Reader& reader, Draft& draft, const json::value& value) {
  constexpr std::uint64_t largest = (std::uint64_t{1} << 53) - 1;
  const auto seed = parse_scalar(value, parse_unsigned);
  if (!seed || *seed > largest) return reader.refuse("seed", "is a whole number from 0 to 9007199254740991 (53 bits)");
  draft.policy.schedule.seed = *seed;
  draft.has_seed = true;
}

// As Docker's: names and texts.
void read_labels(Reader& reader, Policy& policy, const json::value& value) {
  constexpr std::size_t most = 64;
  constexpr std::size_t longest_key = 255;
  const auto* object = value.if_object();
  if (object == nullptr) return reader.refuse("labels", "is an object of texts, as in {\"team\": \"payments\"}");
  if (object->size() > most) return reader.refuse("labels", "are at most 64");
  for (const auto& [key, entry] : *object) {
    const std::string field = concat("labels.", std::string_view(key).substr(0, longest_key));
    if (key.empty() || key.size() > longest_key) {
      reader.refuse("labels", "a label's name has 1 to 255 characters");
    } else {
      reader.take(field, parse_text(entry), policy.labels[key]);
    }
  }
}

void read_state(Reader& reader, Policy& policy, const json::value& value) {
  const auto text = parse_text(value);
  if (!text || (*text != "running" && *text != "stopped")) {
    return reader.refuse("state", concat(json::serialize(value).substr(0, 80), " is neither running nor stopped"));
  }
  policy.running = *text == "running";
}

using FieldReader = std::function<void(Reader&, Draft&, const json::value&)>;

const std::map<std::string, FieldReader, std::less<>>& field_readers() {
  static const auto seconds = [](std::string_view text) { return parse_positive(text, BareNumber::seconds); };
  static const auto with_unit = [](std::string_view text) { return parse_positive(text, BareNumber::refused); };
  static const auto wait = [](std::string_view text) { return parse_duration(text); };
  static const std::map<std::string, FieldReader, std::less<>> table = {
      {"name", [](Reader& r, Draft& d, const json::value& v) { r.take("name", parse_text(v), d.policy.name); }},
      {"description",
       [](Reader& r, Draft& d, const json::value& v) { r.take("description", parse_text(v), d.policy.description); }},
      {"selector",
       [](Reader& r, Draft& d, const json::value& v) {
         const auto text = parse_text(v);
         if (!text) return r.refuse("selector", text.error());
         r.take("selector", Selector::parse(*text), d.policy.selector);
       }},
      {"failure", [](Reader& r, Draft& d, const json::value& v) { read_failures(r, d.policy, v); }},
      {"frequency",
       [](Reader& r, Draft& d, const json::value& v) {
         r.take("frequency", parse_scalar(v, seconds), d.policy.schedule.frequency);
       }},
      {"duration",
       [](Reader& r, Draft& d, const json::value& v) {
         r.take("duration", parse_scalar(v, seconds), d.policy.schedule.duration);
       }},
      {"delay", [](Reader& r, Draft& d,
                   const json::value& v) { r.take("delay", parse_scalar(v, wait), d.policy.schedule.delay); }},
      {"ttl", [](Reader& r, Draft& d,
                 const json::value& v) { r.take("ttl", parse_scalar(v, with_unit), d.policy.schedule.ttl); }},
      {"windows",
       [](Reader& r, Draft& d, const json::value& v) {
         r.take("windows", parse_scalar(v, parse_unsigned), d.policy.schedule.windows);
       }},
      {"probability",
       [](Reader& r, Draft& d, const json::value& v) {
         r.take("probability", parse_scalar(v, parse_probability), d.policy.schedule.probability);
       }},
      {"labels", [](Reader& r, Draft& d, const json::value& v) { read_labels(r, d.policy, v); }},
      {"pick",
       [](Reader& r, Draft& d, const json::value& v) { r.take("pick", parse_scalar(v, parse_pick), d.policy.pick); }},
      {"start_when", [](Reader& r, Draft& d,
                        const json::value& v) { r.take("start_when", conditions_from_json(v), d.policy.start_when); }},
      {"stop_when", [](Reader& r, Draft& d,
                       const json::value& v) { r.take("stop_when", conditions_from_json(v), d.policy.stop_when); }},
      {"seed", read_seed},
      {"state", [](Reader& r, Draft& d, const json::value& v) { read_state(r, d.policy, v); }},
  };
  return table;
}

void refuse_unknown(Reader& reader, std::string_view key, const json::value& value) {
  reader.refuse(key, concat("unknown field ", quoted(key), " (", json::serialize(value).substr(0, 80), ")",
                            did_you_mean(key, field_names())));
}

void check_schedule(Reader& reader, const Schedule& schedule) {
  constexpr Duration shortest = std::chrono::milliseconds(100);
  if (schedule.frequency && *schedule.frequency < shortest) {
    reader.refuse("frequency", "windows more often than every 100ms are not offered");
  }
  if (schedule.frequency && schedule.duration && *schedule.duration > *schedule.frequency) {
    reader.refuse("duration", concat("duration ", to_string(*schedule.duration), " is longer than frequency ",
                                     to_string(*schedule.frequency), ": windows would overlap"));
  }
  if (schedule.windows && (*schedule.windows == 0 || *schedule.windows > 1'000'000'000)) {
    reader.refuse("windows", "is a count from 1 to 1000000000");
  }
  if (schedule.windows && !schedule.frequency)
    reader.refuse("windows", "needs a frequency: without it there is one window");
}

// A window is a container's life: starting and ending it take their time.
void check_custom_windows(Reader& reader, const Schedule& schedule) {
  constexpr Duration shortest = std::chrono::seconds(2);
  const auto window = schedule.duration ? schedule.duration : schedule.frequency;
  if (!window || *window >= shortest) return;
  reader.refuse(schedule.duration ? "duration" : "frequency",
                concat("windows of ", to_string(*window), " are too short for a custom image: give 2s or more"));
}

// What one container can suffer at a time, and in windows of which length.
void check_container_failures(Reader& reader, const Policy& policy) {
  constexpr Duration shortest = std::chrono::seconds(1);
  const auto& failures = policy.container_failures;
  if (failures.empty()) return;
  if (std::ranges::count_if(failures, failure::takes_down) > 1) {
    reader.refuse("failure",
                  "has more than one of kill, stop, restart, pause and remove: give each a policy of its own");
  }
  if (is_instant(policy)) {
    const auto name = failure_names(policy).back();
    if (failures.size() + policy.failures.size() > 1) {
      reader.refuse("failure", concat(name, " is over at once: give what lasts a policy of its own"));
    }
    if (policy.schedule.duration) {
      reader.refuse("duration", concat(name, " is over at once: leave duration out (frequency says how often)"));
    }
  }
  const auto window = policy.schedule.duration ? policy.schedule.duration : policy.schedule.frequency;
  if (window && *window < shortest) {
    reader.refuse(policy.schedule.duration ? "duration" : "frequency",
                  concat("windows of ", to_string(*window), " are too short for a container: give 1s or more"));
  }
}

void check_whole(Reader& reader, const json::object& object, const Policy& policy) {
  if (object.contains("name")) {
    const auto name = check_name(policy.name);
    if (!name) reader.refuse("name", name.error());
  }
  if (!object.contains("selector")) {
    reader.refuse("selector", "is missing: which containers, as in \"service=db\" (@name=* for every one)");
  }
  if (!object.contains("failure")) reader.refuse("failure", "is missing: what shall go wrong, as in \"partition\"");
  check_schedule(reader, policy.schedule);
  if (policy.custom) check_custom_windows(reader, policy.schedule);
  check_container_failures(reader, policy);
}

json::object failures_json(const Policy& policy) {
  json::object object;
  for (const auto& each : policy.failures) object[failure::name_of(each)] = params_to_json(each);
  for (const auto& each : policy.container_failures) object[failure::name_of(each)] = params_to_json(each);
  return object;
}

std::optional<Stop> stop_from_json(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto* at = object->if_contains("at");
  const auto* condition = object->if_contains("condition");
  const auto* evidence = object->if_contains("evidence");
  const bool complete = at != nullptr && at->is_int64() && condition != nullptr && condition->is_string() &&
                        evidence != nullptr && evidence->is_string();
  if (!complete) return std::nullopt;
  return Stop{Time(Duration(at->get_int64())), std::string(condition->get_string()),
              std::string(evidence->get_string())};
}

}  // namespace

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const auto& [name, read] : field_readers()) names.push_back(name);
  names.emplace_back("image");  // read together with `failure`
  return names;
}

Result<Draft> draft_from_json(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return fail(ErrorCode::invalid, "a policy is a JSON object");
  Reader reader;
  Draft draft;
  const auto* image = object->if_contains("image");
  const auto* failure = object->if_contains("failure");
  if (image != nullptr && failure != nullptr) reader.take_all(read_custom(*image, *failure), draft.policy.custom);
  for (const auto& [key, entry] : *object) {
    if (image != nullptr && (key == "image" || key == "failure")) continue;  // read together
    const auto found = field_readers().find(std::string_view(key));
    if (found == field_readers().end()) {
      refuse_unknown(reader, key, entry);
    } else {
      found->second(reader, draft, entry);
    }
  }
  check_whole(reader, *object, draft.policy);
  Schedule& schedule = draft.policy.schedule;
  if (!schedule.duration && !is_instant(draft.policy)) schedule.duration = schedule.frequency;
  if (reader.errors.empty()) return draft;
  std::string message = concat(reader.errors.front().field, ": ", reader.errors.front().message);
  return fail(Error{ErrorCode::invalid, std::move(message), std::move(reader.errors)});
}

json::object to_json(const Policy& policy) {
  const Schedule& schedule = policy.schedule;
  json::object object;
  object["name"] = policy.name;
  if (!policy.description.empty()) object["description"] = policy.description;
  if (!policy.labels.empty()) {
    json::object labels;
    for (const auto& [key, text] : policy.labels) labels[key] = text;
    object["labels"] = std::move(labels);
  }
  object["selector"] = policy.selector.text();
  object["failure"] = policy.custom ? custom_failure_json(*policy.custom) : failures_json(policy);
  if (policy.custom) object["image"] = policy.custom->image;
  if (schedule.frequency) object["frequency"] = to_string(*schedule.frequency);
  if (schedule.duration) object["duration"] = to_string(*schedule.duration);
  object["probability"] = schedule.probability;
  if (schedule.delay != Duration::zero()) object["delay"] = to_string(schedule.delay);
  if (schedule.ttl) object["ttl"] = to_string(*schedule.ttl);
  if (schedule.windows) object["windows"] = *schedule.windows;
  if (policy.pick.count) object["pick"] = *policy.pick.count;
  if (policy.pick.share) object["pick"] = print_pick(policy.pick);
  if (!policy.start_when.empty()) object["start_when"] = conditions_to_json(policy.start_when);
  if (!policy.stop_when.empty()) object["stop_when"] = conditions_to_json(policy.stop_when);
  object["seed"] = schedule.seed;
  object["state"] = policy.running ? "running" : "stopped";
  return object;
}

std::string serialize(const Record& record) {
  json::object object;
  object["policy"] = to_json(record.policy);
  object["epoch"] = record.policy.schedule.epoch.time_since_epoch().count();
  object["revision"] = record.revision;
  object["created"] = record.created.time_since_epoch().count();
  object["updated"] = record.updated.time_since_epoch().count();
  if (record.held) object["held"] = true;
  if (record.stopped) {
    object["stopped"] = {{"at", record.stopped->at.time_since_epoch().count()},
                         {"condition", record.stopped->condition},
                         {"evidence", record.stopped->evidence}};
  }
  // Boost's would keep bytes that are not UTF-8, which nobody can read back: of what a condition has seen may be some.
  return print_json(object);
}

Result<Record> deserialize(std::string_view text) {
  const auto damaged = [](std::string_view why) {
    return fail(ErrorCode::internal, concat("a stored policy is damaged: ", why));
  };
  const auto value = parse_json(text);
  if (!value) return damaged(value.error().message);
  const auto* object = value->if_object();
  if (object == nullptr || !object->contains("policy")) return damaged("no policy in it");
  auto draft = draft_from_json(object->at("policy"));
  if (!draft) return damaged(draft.error().message);
  Record record{std::move(draft->policy), 0, {}, {}};
  const auto number = [&](std::string_view key) {
    const auto* entry = object->if_contains(key);
    return entry != nullptr && entry->is_int64() ? entry->as_int64() : 0;
  };
  record.policy.schedule.epoch = Time(Duration(number("epoch")));
  record.revision = static_cast<std::uint64_t>(number("revision"));
  record.created = Time(Duration(number("created")));
  record.updated = Time(Duration(number("updated")));
  record.held = object->contains("held");
  if (const auto* stopped = object->if_contains("stopped")) {
    const auto stop = stop_from_json(*stopped);
    if (!stop) return damaged("why it was stopped");
    record.stopped = *stop;
  }
  return record;
}

}  // namespace entropy::policy

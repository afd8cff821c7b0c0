#include "cli/policy_options.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "failure/container.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

// "KEY=VALUE"; an empty key for anything else.
std::pair<std::string_view, std::string_view> pair_of(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return {};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// A key that `is_list` may be given several times.
template <class IsList>
Result<json::object> read_pairs(const std::vector<std::string>& given, std::string_view flag, std::string_view example,
                                IsList is_list) {
  json::object object;
  for (const std::string_view text : given) {
    const auto [key, value] = pair_of(text);
    if (key.empty()) {
      return fail(ErrorCode::invalid, concat(flag, " ", text, " is not KEY=VALUE, as in ", flag, " ", example));
    }
    json::value& place = object[key];
    if (is_list(key)) {
      if (!place.is_array()) place.emplace_array();
      place.get_array().push_back(json::value(value));
    } else if (!place.is_null()) {
      return fail(ErrorCode::invalid, concat(flag, " ", key, " is given twice"));
    } else {
      place = value;
    }
  }
  return object;
}

bool is_list(const std::string& failure, std::string_view key) {
  const auto kind = failure::find_any_kind(failure);
  return kind &&
         std::ranges::any_of((*kind)->parameters, [&](const auto& each) { return each.name == key && each.list; });
}

bool is_never_list(std::string_view) { return false; }

}  // namespace

Result<json::object> pairs(const std::vector<std::string>& given, std::string_view flag, std::string_view example) {
  return read_pairs(given, flag, example, is_never_list);
}

void add_policy_options(CLI::App& command, PolicyOptions& options, const std::string& frequency) {
  const auto field = [&](const std::string& flags, const std::string& name, const std::string& type,
                         const std::string& text) {
    return command.add_option(flags, options.fields[name], text)->type_name(type);
  };
  field("--name", "name", "NAME", "the policy's name; without one it gets two words");
  field("-c,--criteria,--selector", "selector", "SELECTOR",
        "which containers: service=db, '@name=web-*', 'tier in (a,b)'");
  command.add_option("-e,--failure", options.failure, "what goes wrong; entropy failures lists them")
      ->type_name("NAME");
  add_list_option(command, "-o,--param", options.params,
                  "a parameter of the failure (repeatable, as the entries of a list are)", "KEY=VALUE");
  field("-p,--probability", "probability", "P", "of each window on each container: .25 or 25% (1)");
  field(frequency, "frequency", "DURATION", "the dice are rolled so often; without it there is one window");
  field("-d,--duration", "duration", "DURATION", "so long a window holds (frequency)");
  field("--pick", "pick", "PICK", "how many of the matching containers take part in a window: all, 2, 50% (all)");
  field("-i,--image", "image", "IMAGE", "a custom injector image, whose failure it is");
  field("--delay", "delay", "DURATION", "the first window begins so much later");
  field("--ttl", "ttl", "DURATION", "the policy ends itself after so long");
  field("--windows", "windows", "N", "the policy ends itself after so many windows");
  field("--seed", "seed", "N", "of the dice: the same seed, the same faults");
  field("--description", "description", "TEXT", "for people");
  add_list_option(command, "--label", options.labels, "a label of the policy (repeatable)", "KEY=VALUE");
  command.add_flag("--stopped", options.stopped, "create it, but don't start it");
}

Result<json::object> policy_body(const PolicyOptions& options) {
  auto params = read_pairs(options.params, "-o", "delay=200ms",
                           [&](std::string_view key) { return is_list(options.failure, key); });
  if (!params) return params;
  auto labels = pairs(options.labels, "--label", "team=payments");
  if (!labels) return labels;
  json::object body;
  for (const auto& [field, text] : options.fields) {
    if (text) body[field] = *text;
  }
  body["failure"] = json::object{{options.failure, std::move(*params)}};
  if (!labels->empty()) body["labels"] = std::move(*labels);
  if (options.stopped) body["state"] = "stopped";
  return body;
}

}  // namespace entropy::cli

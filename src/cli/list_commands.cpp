// ls, lsi, inspect.
#include <ostream>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/fields.hpp"
#include "cli/listing.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

std::string failure_summary(const json::value& policy) {
  std::vector<std::string> texts;
  const auto* failures = find_field(policy, "failure");
  if (failures == nullptr || !failures->is_object()) return "";
  for (const auto& [name, params] : failures->get_object()) {
    std::string text(name);
    if (const auto* object = params.if_object()) {
      for (const auto& [key, value] : *object)
        append(text, concat(" ", std::string_view(key), "=", field_text(&value)));
    }
    texts.push_back(std::move(text));
  }
  return join(texts, ", ");
}

// "10s every 30s, p=0.25", "every 10s", "once for 5s", "once", "all the time"
std::string schedule_summary(const json::value& policy) {
  const std::string frequency = field_text(policy, "frequency");
  const std::string duration = field_text(policy, "duration");
  const std::string probability = field_text(policy, "probability");
  const auto is = [&](std::string_view failure) { return find_field(policy, failure) != nullptr; };
  std::string text = is("failure.kill") || is("failure.restart") || is("failure.remove") ? "once" : "all the time";
  if (frequency.empty() && !duration.empty()) text = concat("once for ", duration);
  if (!frequency.empty())
    text = concat(duration.empty() || duration == frequency ? "" : concat(duration, " "), "every ", frequency);
  return probability == "1" ? text : concat(text, ", p=", probability);
}

Layout policy_layout() {
  return {{{"NAME"},
           {"SELECTOR", true},
           {"FAILURE", true},
           {"SCHEDULE", true},
           {"PHASE"},
           {"TARGETS"},
           {"ACTIVE"},
           {"MESSAGE", true, true}},
          [](const json::value& policy) {
            const auto text = [&](std::string_view path) { return field_text(policy, path); };
            return Row{text("name"),  text("selector"), failure_summary(policy), schedule_summary(policy),
                       text("phase"), text("targets"),  text("active"),          text("message")};
          },
          [](const json::value& policy) { return field_text(policy, "name"); },
          policy::field_names()};
}

std::string active_summary(const json::value& injector) {
  std::vector<std::string> texts;
  const auto* active = find_field(injector, "active");
  if (active == nullptr || !active->is_array()) return "";
  for (const auto& each : active->get_array()) {
    texts.push_back(concat(field_text(each, "policy"), "/", field_text(each, "failure")));
  }
  return join(texts, ", ");
}

Layout injector_layout(bool no_trunc) {
  return {{{"INJECTOR ID"},
           {"NAME", true},
           {"TARGET", true},
           {"ENDPOINT", true},
           {"STATE"},
           {"BACKEND"},
           {"POLICIES", true},
           {"ACTIVE", true, true},
           {"MESSAGE", true, true}},
          [no_trunc](const json::value& injector) {
            const auto text = [&](std::string_view path) { return field_text(injector, path); };
            return Row{short_id(text("id"), no_trunc),
                       text("name"),
                       text("target.name"),
                       text("endpoint"),
                       text("state"),
                       text("backend"),
                       text("policies"),
                       active_summary(injector),
                       text("message")};
          },
          [no_trunc](const json::value& injector) { return short_id(field_text(injector, "id"), no_trunc); }};
}

void add_listing(Commands& commands, const std::string& name, const std::string& description,
                 const std::string& example, const std::string& path, const std::function<Layout(bool)>& layout) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App& command = commands.add(name, description, example, [options, path, layout](const Context& context) {
    return context.call("GET", path, nullptr, [&](const json::value& list) {
      return print_list(context, list, *options, layout(options->no_trunc));
    });
  });
  add_list_options(command, *options);
}

// A policy of that name, else an injector.
Result<json::value> look_up(const Client& client, const std::string& name) {
  auto policy = client.call("GET", concat("/v1/policies/", percent_encode(name)));
  if (policy || policy.error().code != ErrorCode::not_found) return policy;
  auto injector = client.call("GET", concat("/v1/injectors/", percent_encode(name)));
  if (injector || injector.error().code != ErrorCode::not_found) return injector;
  return fail(ErrorCode::not_found,
              concat("no policy or injector is named ", entropy::quoted(name), ": entropy ls, entropy lsi"));
}

// How a policy fares on each container that it selects; of an injector, what it holds.
std::string targets_table(const json::value& object, std::size_t width) {
  std::vector<Row> rows;
  const auto add = [&](std::string_view field, std::string_view state_otherwise) {
    const auto* list = find_field(object, field);
    if (list == nullptr || !list->is_array()) return;
    for (const auto& each : list->get_array()) {
      const std::string state = field_text(each, "state");
      rows.push_back({field_text(object, "name"), field_text(each, "name"), field_text(each, "endpoint"),
                      state.empty() ? std::string(state_otherwise) : state, field_text(each, "reason")});
    }
  };
  add("targets", "");
  add("skipped", "skipped");
  return format_table({{"POLICY", true}, {"TARGET", true}, {"ENDPOINT", true}, {"STATE"}, {"REASON", true, true}},
                      std::move(rows), width);
}

int inspect(const Context& context, const std::vector<std::string>& names, const std::string& format) {
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  int code = done;
  json::array found;
  for (const auto& name : names) {
    auto object = look_up(*client, name);
    if (object) {
      found.push_back(std::move(*object));
    } else {
      code = context.report(object.error());
    }
  }
  if (format == "table") {
    for (const auto& object : found) context.console.out << targets_table(object, context.console.width);
    return code;
  }
  if (format.empty()) {
    context.console.out << policy::print_json(found, policy::JsonStyle::indented) << "\n";
    return code;
  }
  const Layout layout{{}, {}, {}, policy::field_names()};
  const int printed = print_list(context, found, {.format = format, .filters = {}}, layout);
  return printed == done ? code : printed;
}

}  // namespace

void add_list_commands(Commands& commands) {
  add_listing(commands, "ls", "list policies", "entropy ls --filter phase=active", "/v1/policies",
              [](bool) { return policy_layout(); });
  add_listing(commands, "lsi", "list injectors", "entropy lsi --format '{{.Name}} {{.State}}'", "/v1/injectors",
              injector_layout);
  struct Given {
    std::vector<std::string> names;
    std::string format;
  };
  const auto given = std::make_shared<Given>();
  CLI::App& command =
      commands.add("inspect", "show policies or injectors in full, as JSON", "entropy inspect demo",
                   [given](const Context& context) { return inspect(context, given->names, given->format); });
  command.add_option("NAME", given->names, "policies or injectors")->required();
  command
      .add_option("-f,--format", given->format,
                  "table of a policy's containers, json (one object a line) or a template such as '{{.Status.Phase}}'")
      ->type_name("FORMAT");
}

}  // namespace entropy::cli

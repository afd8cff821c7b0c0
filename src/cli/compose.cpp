#include "cli/compose.hpp"

#include <algorithm>
#include <ostream>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/changes.hpp"
#include "cli/fields.hpp"
#include "cli/files.hpp"
#include "cli/policy_options.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view project_label = "com.docker.compose.project";
constexpr std::string_view service_label = "com.docker.compose.service";

struct Parameter {
  std::string_view name;
  std::string_view description;
};
// The options of a provider service: those of `create`, or a file.
constexpr Parameter parameters[] = {
    {"file", "a policy file, a directory of them; instead of the others"},
    {"selector", "which containers, of this project unless it says @project: @service=db"},
    {"failure", "what goes wrong; entropy failures lists them"},
    {"param", "a parameter of the failure, KEY=VALUE, or a list of them"},
    {"frequency", "the dice are rolled so often; without it there is one window"},
    {"duration", "so long a window holds (frequency)"},
    {"probability", "of each window on each container: .25 or 25% (1)"},
    {"pick", "how many of the containers take part in a window: all, 2, 50%"},
    {"delay", "the first window begins so much later"},
    {"ttl", "the policy ends itself after so long"},
    {"windows", "the policy ends itself after so many windows"},
    {"seed", "of the dice: the same seed, the same faults"},
    {"image", "a custom injector image"},
    {"description", "for people"},
};

struct Call {
  std::string verb;
  std::string project;
  std::string service;
  std::vector<std::string> files;
  PolicyOptions policy;
};

Result<> take_option(Call& call, const std::string& name, const std::string& value) {
  std::vector<std::string> known = {"project-name"};
  for (const auto& each : parameters) known.emplace_back(each.name);
  if (std::ranges::find(known, name) == known.end())
    return fail(ErrorCode::invalid, concat("unknown option ", entropy::quoted(name), did_you_mean(name, known)));
  if (name == "project-name") {
    call.project = value;
  } else if (name == "file") {
    call.files.push_back(value);
  } else if (name == "failure") {
    call.policy.failure = value;
  } else if (name == "param") {
    call.policy.params.push_back(value);
  } else {
    call.policy.fields[name] = value;
  }
  return {};
}

Result<Call> read_call(const std::vector<std::string>& args) {
  Call call;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (!arg.starts_with("--")) {
      words.push_back(arg);
      continue;
    }
    const auto equals = arg.find('=');
    if (equals == std::string::npos && i + 1 == args.size())
      return fail(ErrorCode::invalid, concat(arg, " has no value"));
    const std::string value = equals == std::string::npos ? args[++i] : arg.substr(equals + 1);
    const auto taken = take_option(call, arg.substr(2, equals == std::string::npos ? equals : equals - 2), value);
    if (!taken) return fail(taken.error());
  }
  if (!words.empty()) call.verb = words.front();
  if (words.size() > 1) call.service = words[1];
  const std::vector<std::string> verbs = {"metadata", "up", "down", "stop"};
  if (std::ranges::find(verbs, call.verb) == verbs.end())
    return fail(ErrorCode::invalid,
                concat("compose: what? metadata, up, down or stop, not ", entropy::quoted(call.verb)));
  if (call.verb != "metadata" && (call.project.empty() || words.size() != 2))
    return fail(ErrorCode::invalid, concat("compose ", call.verb, " needs --project-name and one service's name"));
  return call;
}

void say(const Context& context, std::string_view type, std::string_view message) {
  context.console.out << policy::print_json(json::object{{"type", type}, {"message", message}}) << "\n" << std::flush;
}

int refuse(const Context& context, const Error& error) {
  for (const auto& each : error.fields) say(context, "error", concat(each.field, ": ", each.message));
  if (error.fields.empty()) say(context, "error", error.message);
  context.report(error);
  return failed;
}

int print_metadata(const Context& context) {
  json::array described;
  for (const auto& each : parameters) {
    described.push_back(
        json::object{{"name", each.name}, {"description", each.description}, {"required", false}, {"type", "string"}});
  }
  const json::object none{{"parameters", json::array()}};
  context.console.out << policy::print_json(
                             json::object{{"description", "Makes chosen failures happen to the project's containers"},
                                          {"up", json::object{{"parameters", std::move(described)}}},
                                          {"down", none},
                                          {"stop", none}})
                      << "\n";
  return done;
}

// A policy of Compose's service touches only containers of its project, unless it names one itself.
void bind_to_project(json::object& body, const Call& call, const std::string& name) {
  body["name"] = name;
  const std::string selector = body.contains("selector") ? field_text(&body["selector"]) : "";
  if (!selector.empty() && !selector.contains("@project"))
    body["selector"] = concat(selector, ",@project=", call.project);
  json::object labels = body.contains("labels") ? body["labels"].get_object() : json::object();
  labels[project_label] = call.project;
  labels[service_label] = call.service;
  body["labels"] = std::move(labels);
}

Result<std::vector<json::object>> bodies_of(const Context& context, const Call& call) {
  const std::string prefix = concat(call.project, "-", call.service);
  std::vector<json::object> bodies;
  if (call.files.empty()) {
    if (call.policy.failure.empty() || !call.policy.fields.contains("selector"))
      return fail(ErrorCode::invalid, "options: needs selector and failure, or file");
    auto body = policy_body(call.policy);
    if (!body) return fail(body.error());
    bind_to_project(*body, call, prefix);
    bodies.push_back(std::move(*body));
    return bodies;
  }
  const auto files = read_policy_files(call.files, context.console);
  if (!files) return fail(files.error());
  for (const auto& each : *files) {
    json::object body = policy::to_json(each.draft.policy);
    if (!each.draft.has_seed) body.erase("seed");
    bind_to_project(body, call, concat(prefix, "-", each.draft.policy.name));
    bodies.push_back(std::move(body));
  }
  return bodies;
}

// Idempotent, as the protocol wants it.
Result<> bring_up(const Context& context, const Client& client, const Call& call) {
  const auto bodies = bodies_of(context, call);
  if (!bodies) return fail(bodies.error());
  for (const auto& body : *bodies) {
    const std::string name = field_text(body, "name");
    const auto put = client.call("PUT", concat("/v1/policies/", percent_encode(name)), body);
    if (!put) return fail(put.error());
    say(context, "info", concat(name, " is ", field_text(*put, "status.phase")));
  }
  say(context, "setenv", concat("POLICY=", field_text(bodies->front(), "name")));
  return {};
}

Result<std::vector<std::string>> policies_of(const Client& client, const Call& call) {
  const auto policies = client.call("GET", "/v1/policies");
  if (!policies) return fail(policies.error());
  std::vector<std::string> names;
  const std::vector<std::string> filters = {concat("label=", project_label, "=", call.project),
                                            concat("label=", service_label, "=", call.service)};
  for (const auto& each : policies->is_array() ? policies->get_array() : json::array()) {
    if (passes_filters(each, filters).value_or(false)) names.push_back(field_text(each, "name"));
  }
  return names;
}

Result<> take_down(const Context& context, const Client& client, const Call& call) {
  const auto names = policies_of(client, call);
  if (!names) return fail(names.error());
  for (const auto& name : *names) {
    const std::string path = concat("/v1/policies/", percent_encode(name));
    const bool stop = call.verb == "stop";
    const auto answer = stop ? client.call("POST", concat(path, "/stop")) : client.call("DELETE", path);
    if (!answer && answer.error().code != ErrorCode::not_found) return fail(answer.error());
    say(context, "info", concat(name, stop ? " is stopped" : " is removed"));
  }
  return {};
}

}  // namespace

int run_compose(const Context& context, const std::vector<std::string>& args) {
  const auto call = read_call(args);
  if (!call) {
    say(context, "error", call.error().message);
    return context.usage(call.error().message);
  }
  if (call->verb == "metadata") return print_metadata(context);
  const auto client = context.client();
  if (!client) return refuse(context, client.error());
  const auto result = call->verb == "up" ? bring_up(context, *client, *call) : take_down(context, *client, *call);
  return result ? done : refuse(context, result.error());
}

}  // namespace entropy::cli

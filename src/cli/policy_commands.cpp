// create, rm, start, stop.
#include <ostream>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/command.hpp"
#include "cli/fields.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

// Options as they are given; the service reads and checks the values, so that there is one place that does.
struct Draft {
  std::map<std::string, std::optional<std::string>> fields;  // of the policy, by name
  std::string failure;
  std::vector<std::string> params;
  bool stopped = false;
};

Result<json::object> params_json(const std::vector<std::string>& params) {
  json::object object;
  for (const std::string_view param : params) {
    const auto equals = param.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return fail(ErrorCode::invalid, concat("-o ", param, " is not KEY=VALUE, as in -o delay=200ms"));
    }
    const std::string_view key = param.substr(0, equals);
    if (object.contains(key)) return fail(ErrorCode::invalid, concat("-o ", key, " is given twice"));
    object[key] = param.substr(equals + 1);
  }
  return object;
}

int create(const Context& context, const Draft& draft) {
  auto params = params_json(draft.params);
  if (!params) return context.usage(params.error().message);
  json::object body;
  for (const auto& [field, text] : draft.fields) {
    if (text) body[field] = *text;
  }
  body["failure"] = json::object{{draft.failure, std::move(*params)}};
  if (draft.stopped) body["state"] = "stopped";
  return context.call("POST", "/v1/policies", body, [&](const json::value& policy) {
    context.console.out << field_text(policy, "name") << "\n";
    return done;
  });
}

void add_create(Commands& commands) {
  const auto draft = std::make_shared<Draft>();
  CLI::App& command =
      commands.add("create", "create a policy: a failure, whom it is for, when and how often; prints its name",
                   "entropy create --name demo -e latency -o delay=200ms -f 10 -p .25 -c service=ping",
                   [draft](const Context& context) { return create(context, *draft); });
  const auto field = [&](const std::string& flags, const std::string& name, const std::string& type,
                         const std::string& text) {
    return command.add_option(flags, draft->fields[name], text)->type_name(type);
  };
  field("--name", "name", "NAME", "the policy's name; without one it gets two words");
  field("-c,--criteria,--selector", "selector", "SELECTOR",
        "which containers: service=db, '@name=web-*', 'tier in (a,b)'")
      ->required();
  command.add_option("-e,--failure", draft->failure, "what goes wrong; entropy failures lists them")
      ->type_name("NAME")
      ->required();
  add_list_option(command, "-o,--param", draft->params, "a parameter of the failure (repeatable)", "KEY=VALUE");
  field("-p,--probability", "probability", "P", "of each window on each container: .25 or 25% (1)");
  field("-f,--frequency", "frequency", "DURATION", "the dice are rolled so often; without it there is one window");
  field("-d,--duration", "duration", "DURATION", "so long a window holds (frequency)");
  field("--delay", "delay", "DURATION", "the first window begins so much later");
  field("--ttl", "ttl", "DURATION", "the policy ends itself after so long");
  field("--windows", "windows", "N", "the policy ends itself after so many windows");
  field("--pick", "pick", "all|N|P%", "so many of the matching containers take part in each window (all)");
  field("--seed", "seed", "N", "of the dice: the same seed, the same faults");
  field("--description", "description", "TEXT", "for people");
  command.add_flag("--stopped", draft->stopped, "create it, but don't start it");
}

// Goes on after an error; prints each name that is done.
int for_each_name(const Context& context, const std::vector<std::string>& names,
                  const std::function<Result<>(const Client&, const std::string&)>& act) {
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  int code = done;
  for (const auto& name : names) {
    const auto acted = act(*client, name);
    if (acted) {
      context.console.out << name << "\n" << std::flush;
    } else {
      code = context.report(acted.error());
    }
  }
  return code;
}

std::string policy_path(const std::string& name) { return concat("/v1/policies/", percent_encode(name)); }

void add_state_command(Commands& commands, const std::string& verb, const std::string& description) {
  const auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& command =
      commands.add(verb, description, concat("entropy ", verb, " demo"), [names, verb](const Context& context) {
        return for_each_name(context, *names, [&](const Client& client, const std::string& name) -> Result<> {
          const auto answer = client.call("POST", concat(policy_path(name), "/", verb));
          if (!answer) return fail(answer.error());
          return {};
        });
      });
  command.add_option("NAME", *names, "policies")->required();
}

void add_rm(Commands& commands) {
  struct Given {
    std::vector<std::string> names;
    bool force = false;
  };
  const auto given = std::make_shared<Given>();
  CLI::App& command = commands.add(
      "rm", "remove policies; returns when their faults are read back as gone", "entropy rm demo",
      [given](const Context& context) {
        return for_each_name(context, given->names, [&](const Client& client, const std::string& name) -> Result<> {
          const auto answer = client.call("DELETE", policy_path(name));
          const bool missing = !answer && answer.error().code == ErrorCode::not_found;
          if (answer || (missing && given->force)) return {};
          return fail(answer.error());
        });
      });
  command.add_option("NAME", given->names, "policies")->required();
  command.add_flag("-f,--force", given->force, "a policy that is not there is no error");
}

}  // namespace

void add_policy_commands(Commands& commands) {
  add_create(commands);
  add_rm(commands);
  add_state_command(commands, "start", "start policies: their schedules begin anew");
  add_state_command(commands, "stop", "stop policies; returns when their faults are read back as gone");
}

}  // namespace entropy::cli

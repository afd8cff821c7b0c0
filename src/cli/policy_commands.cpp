// create, rm, start, stop.
#include <ostream>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/command.hpp"
#include "cli/fields.hpp"
#include "cli/policy_options.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

int create(const Context& context, const PolicyOptions& options) {
  const auto body = policy_body(options);
  if (!body) return context.usage(body.error().message);
  return context.call("POST", "/v1/policies", *body, [&](const json::value& policy) {
    context.console.out << field_text(policy, "name") << "\n";
    // It is there, but a custom image may have refused its parameters already.
    if (field_text(policy, "status.phase") == "degraded") {
      context.console.err << concat("entropy: degraded: ", field_text(policy, "status.message"), "\n");
    }
    return done;
  });
}

void add_create(Commands& commands) {
  const auto options = std::make_shared<PolicyOptions>();
  CLI::App& command =
      commands.add("create", "create a policy: a failure, whom it is for, when and how often; prints its name",
                   "entropy create --name demo -e latency -o delay=200ms -f 10 -p .25 -c service=ping",
                   [options](const Context& context) { return create(context, *options); });
  add_policy_options(command, *options, "-f,--frequency");
  command.get_option("--criteria")->required();
  command.get_option("--failure")->required();
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

// create, rm, start, stop.
#include <algorithm>
#include <ostream>
#include <thread>
#include <utility>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/command.hpp"
#include "cli/fields.hpp"
#include "cli/policy_options.hpp"
#include "cli/readiness.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

struct CreateOptions {
  PolicyOptions policy;
  bool wait = false;
  std::string timeout;
};

std::string policy_path(const std::string& name) { return concat("/v1/policies/", percent_encode(name)); }

// A policy whose time is over can't get ready any more: it has held somewhere, or the answer says why not.
Result<bool> has_held(const Client& client, const std::string& name) {
  const auto policy = client.call("GET", policy_path(name));
  if (!policy) return fail(policy.error());
  const Query query = {{"policy", name}, {"since", field_text(*policy, "epoch")}, {"limit", "1000"}};
  const auto page = client.call("GET", concat("/v1/faults", print_query(query)));
  if (!page) return fail(page.error());
  std::string why = field_text(*policy, "status.targets") == "0" ? "no container matches" : "nothing held anywhere";
  const auto* rows = find_field(*page, "items");
  for (const auto& row : rows != nullptr && rows->is_array() ? rows->get_array() : json::array()) {
    const std::string outcome = field_text(row, "outcome");
    if (outcome != "missed" && outcome != "failed") return true;
    why = concat(outcome, " on ", field_text(row, "target"), ": ", field_text(row, "message"));
  }
  return fail(ErrorCode::conflict, concat(name, ": it has ended without a window that held (", why, ")"));
}

// Until the policy holds where it should now, or waits for its window on every container.
int wait_for(const Context& context, const Client& client, const std::string& name, Duration timeout) {
  std::string said;
  const auto ready = [&]() -> Result<bool> {
    const auto readiness = readiness_of(client, name);
    if (!readiness) return fail(readiness.error());
    if (readiness->phase == "expired") return has_held(client, name);
    if (readiness->phase != "waiting" && readiness->all()) {
      if (readiness->held_back != 0)
        context.console.err << concat("entropy: ", name, ": ", readiness->held_back, " of ", readiness->targets,
                                      " containers held back by the service's limits\n");
      return true;
    }
    const std::string state = readiness->phase == "waiting"
                                  ? std::string("no container matches yet")
                                  : concat(readiness->ready, " of ", readiness->targets, " containers ready");
    if (state != std::exchange(said, state)) context.console.err << concat("entropy: ", name, ": ", state, "\n");
    return false;
  };
  const auto pause = [](Duration time) {
    std::this_thread::sleep_for(time);
    return false;
  };
  const auto waited = wait_until(ready, timeout, pause);
  if (waited) return done;
  if (waited.error().code != ErrorCode::timeout) return context.report(waited.error());
  return context.report({ErrorCode::timeout, concat(name, ": ", waited.error().message, " (it stays: entropy inspect ",
                                                    name, ", entropy rm ", name, ")")});
}

int create(const Context& context, const CreateOptions& options) {
  if (options.wait && options.policy.stopped) return context.usage("--wait would wait for ever with --stopped");
  if (!options.wait && !options.timeout.empty()) return context.usage("--timeout is how long --wait waits");
  const auto timeout = option_duration("--timeout", options.timeout.empty() ? "60s" : options.timeout);
  if (!timeout) return context.usage(timeout.error().message);
  const auto body = policy_body(options.policy);
  if (!body) return context.usage(body.error().message);
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  const auto policy = client->call("POST", "/v1/policies", *body);
  if (!policy) return context.report(policy.error());
  const std::string name = field_text(*policy, "name");
  context.console.out << name << "\n" << std::flush;
  if (options.wait) return wait_for(context, *client, name, *timeout);
  // It is there, but a custom image may have refused its parameters already.
  if (field_text(*policy, "status.phase") == "degraded") {
    context.console.err << concat("entropy: degraded: ", field_text(*policy, "status.message"), "\n");
  }
  return done;
}

void add_create(Commands& commands) {
  const auto options = std::make_shared<CreateOptions>();
  CLI::App& command =
      commands.add("create", "create a policy: a failure, whom it is for, when and how often; prints its name",
                   "entropy create --name demo -e latency -o delay=200ms -f 10 -p .25 -c service=ping",
                   [options](const Context& context) { return create(context, *options); });
  add_policy_options(command, options->policy, "-f,--frequency");
  command.get_option("--criteria")->required();
  command.get_option("--failure")->required();
  command.add_flag(
      "--wait", options->wait,
      "return when it holds, waits for its window, or is held back by the service's limits, on every container");
  command.add_option("--timeout", options->timeout, "so long --wait waits (60s); the policy stays")
      ->type_name("DURATION");
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

// Several are stopped in one step before anything is waited for: what one of them frees would else be given to the
// next.
int for_each_stopped(const Context& context, const std::vector<std::string>& names,
                     const std::function<Result<>(const Client&, const std::string&)>& act) {
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  int code = done;
  if (names.size() > 1) {
    const json::object body{{"names", json::array(names.begin(), names.end())}};
    const auto stopped = client->call("POST", "/v1/policies:stop", body);
    if (!stopped) code = context.report(stopped.error());
  }
  return std::max(code, for_each_name(context, names, act));
}

void add_state_command(Commands& commands, const std::string& verb, const std::string& description) {
  const auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& command =
      commands.add(verb, description, concat("entropy ", verb, " demo"), [names, verb](const Context& context) {
        const auto each = verb == "stop" ? for_each_stopped : for_each_name;
        return each(context, *names, [&](const Client& client, const std::string& name) -> Result<> {
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
        return for_each_stopped(context, given->names, [&](const Client& client, const std::string& name) -> Result<> {
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

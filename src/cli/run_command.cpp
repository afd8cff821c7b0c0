// run: policies from options or files, for a while or for as long as a command runs; rolled back, verified, reported.
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <ostream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/child.hpp"
#include "cli/command.hpp"
#include "cli/fields.hpp"
#include "cli/files.hpp"
#include "cli/policy_options.hpp"
#include "cli/run_report.hpp"
#include "cli/run_session.hpp"
#include "cli/standalone.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr int not_executable = 126;
constexpr int not_found = 127;

// What went wrong is not the command's doing.
int not_as_expected(const Console& console) { return console.command.empty() ? failed : 125; }

struct RunOptions {
  PolicyOptions policy;
  std::vector<std::string> files;
  std::vector<std::string> files_or_frequency;  // -f
  std::string bound;
  std::string lease = "30s";
  std::vector<std::string> reports;
  bool standalone = false;
  std::vector<std::string> endpoints;
};

struct Report {
  std::string format;
  std::string path;
};

// What is to be done, checked.
struct RunPlan {
  std::vector<RunPolicy> policies;
  RunTerms terms;
  std::vector<Report> reports;
};

Result<std::vector<Report>> read_reports(const std::vector<std::string>& given) {
  std::vector<Report> reports;
  const std::vector<std::string> formats = {"junit", "json", "markdown"};
  for (const std::string_view each : given) {
    const auto equals = each.find('=');
    if (equals == std::string_view::npos || equals + 1 == each.size())
      return fail(ErrorCode::invalid, concat("--report ", each, " is not FORMAT=FILE, as in --report junit=chaos.xml"));
    const std::string format(each.substr(0, equals));
    if (std::ranges::find(formats, format) == formats.end())
      return fail(ErrorCode::invalid,
                  concat("--report: unknown format ", entropy::quoted(format), did_you_mean(format, formats)));
    reports.push_back({format, std::string(each.substr(equals + 1))});
  }
  return reports;
}

// -f is a file; with -e it is the frequency, as in create.
Result<RunOptions> sorted_out(RunOptions options) {
  if (options.policy.failure.empty()) {
    options.files.insert(options.files.end(), options.files_or_frequency.begin(), options.files_or_frequency.end());
  } else if (!options.files_or_frequency.empty()) {
    options.policy.fields["frequency"] = options.files_or_frequency.back();
  }
  const bool has_selector = options.policy.fields["selector"].has_value();
  if (options.files.empty() && (options.policy.failure.empty() || !has_selector))
    return fail(ErrorCode::invalid, "which policies? --file FILE, or --failure and --criteria as in create");
  if (!options.files.empty() && (!options.policy.failure.empty() || has_selector))
    return fail(ErrorCode::invalid, "either --file or the options of one policy, not both");
  return options;
}

Result<std::vector<RunPolicy>> policies_of(const RunOptions& options, const Console& console) {
  std::vector<RunPolicy> policies;
  if (options.files.empty()) {
    auto body = policy_body(options.policy);
    if (!body) return fail(body.error());
    policies.push_back({std::move(*body), {}});
    return policies;
  }
  const auto files = read_policy_files(options.files, console);
  if (!files) return fail(files.error());
  const auto& seed = options.policy.fields.at("seed");
  for (const auto& each : *files) {
    json::object body = policy::to_json(each.draft.policy);
    if (!each.draft.has_seed) body.erase("seed");
    if (seed) body["seed"] = *seed;
    policies.push_back({std::move(body), each.expect});
  }
  return policies;
}

Result<Duration> option_duration(std::string_view option, std::string_view text) {
  auto duration = parse_duration(text);
  if (!duration) return fail(context(option, duration.error()));
  if (*duration < 1s) return fail(ErrorCode::invalid, concat(option, " is at least 1s"));
  return duration;
}

Result<RunPlan> plan_of(const RunOptions& options, const Console& console) {
  RunPlan plan;
  auto reports = read_reports(options.reports);
  if (!reports) return fail(reports.error());
  plan.reports = std::move(*reports);
  const auto lease = option_duration("--lease", options.lease);
  if (!lease) return fail(lease.error());
  const bool ends = !console.command.empty() || !options.bound.empty() || options.standalone;
  if (ends) plan.terms.lease = *lease;
  if (!ends && !plan.reports.empty())
    return fail(ErrorCode::invalid, "--report needs a run that ends: -- CMD or --for");
  if (!options.bound.empty()) {
    const auto bound = option_duration("--for", options.bound);
    if (!bound) return fail(bound.error());
    plan.terms.bound = *bound;
  }
  auto policies = policies_of(options, console);
  if (!policies) return fail(policies.error());
  plan.policies = std::move(*policies);
  return plan;
}

// From the first look to the report.
class Runner {
 public:
  Runner(const Console& console, const Client& client, RunPlan plan)
      : console_(console),
        plan_(std::move(plan)),
        session_(client, console.err, [this](Duration time) { return interrupted(time); }) {}

  int run() {
    if (!console_.command.empty()) {
      const auto runnable = Child::check(console_.command);
      if (!runnable) return refuse(runnable.error(), code_of(runnable.error()));
    }
    outcome_.command = console_.command;
    outcome_.began = to_rfc3339(SystemClock().now());
    const auto looked = session_.preflight(plan_.policies);
    if (!looked) return refuse(looked.error(), not_as_expected(console_));
    auto begun = session_.create(plan_.policies, plan_.terms);
    if (begun && plan_.terms.lease) begun = session_.wait_ready();
    if (begun && !plan_.terms.lease) begun = session_.wait_active();
    if (!begun) return give_up(begun.error());
    if (!plan_.terms.lease) {
      for (const auto& member : session_.members()) console_.out << member.name << "\n";
      return done;
    }
    std::vector<std::string> names;
    for (const auto& member : session_.members()) names.push_back(member.name);
    say(concat("ready: ", join(names, ", ")));
    const int code = console_.command.empty() ? hold() : run_command();
    return finish(code);
  }

 private:
  static int code_of(const Error& error) { return error.code == ErrorCode::not_found ? not_found : not_executable; }
  void say(const std::string& text) { console_.err << concat("entropy: ", text, "\n") << std::flush; }
  int refuse(const Error& error, int code) {
    for (const auto& each : error.fields) say(concat(each.field, ": ", each.message));
    if (error.fields.empty()) say(error.message);
    return code;
  }

  bool interrupted(Duration time) {
    const auto signal = signals_.wait(std::chrono::ceil<std::chrono::milliseconds>(time));
    if (signal) signal_ = signal->number;
    return signal_ != 0;
  }

  // Before anything has run: what was made is taken back, but for a run that was to stay and was interrupted.
  int give_up(const Error& error) {
    if (signal_ != 0 && !plan_.terms.lease) {
      say("interrupted; the policies stay: entropy ls");
      return 128 + signal_;
    }
    const auto left = session_.roll_back();
    if (signal_ == 0) refuse(error, failed);
    for (const auto& each : left) say(each);
    say(left.empty() ? "rolled back" : "not rolled back everywhere");
    return signal_ != 0 ? 128 + signal_ : not_as_expected(console_);
  }

  // Without a command: until --for is over or a signal comes. The exit code so far.
  int hold() {
    if (!plan_.terms.bound) say("Ctrl-C ends it");
    const auto begin = std::chrono::steady_clock::now();
    while (!plan_.terms.bound || std::chrono::steady_clock::now() - begin < *plan_.terms.bound) {
      if (interrupted(100ms)) return 128 + signal_;
      session_.renew();
    }
    return done;
  }

  int run_command() {
    console_.out << std::flush;
    auto child = Child::start(console_.command, signals_);
    if (!child) return refuse(child.error(), not_executable);
    while (true) {
      const auto signal = signals_.wait(500ms, child->descriptor());
      if (const auto code = child->ended()) {
        outcome_.exit_code = *code;
        return *code;
      }
      if (signal && !signal->from_terminal) child->send(signal->number);
      session_.renew();
    }
  }

  int finish(int code) {
    say("rolling back");
    outcome_.left = session_.roll_back();
    outcome_.ended = to_rfc3339(SystemClock().now());
    for (const auto& member : session_.members()) {
      if (!member.runs) continue;
      const auto faults = session_.history(member.name);
      if (!faults) {
        refuse(faults.error(), failed);
        outcome_.left.push_back(concat(member.name, ": its history cannot be read"));
        continue;
      }
      outcome_.policies.push_back(judge(member.name, member.expect, *faults));
      outcome_.policies.back().seed = member.seed;
      outcome_.faults.insert(outcome_.faults.end(), faults->begin(), faults->end());
    }
    tell();
    const bool written = write_reports();
    if (code != 0) return code;
    return exit_code_of(outcome_) == 0 && written ? done : not_as_expected(console_);
  }

  void tell() {
    for (const auto& each : outcome_.policies) {
      say(concat(each.name, ": ", summary_of(each), " (seed ", each.seed, ")"));
      for (const auto& problem : each.problems) say(concat(each.name, ": FAILED: ", problem));
    }
    for (const auto& each : outcome_.left) say(concat("FAILED: not rolled back: ", each));
    if (outcome_.left.empty()) say("rolled back: every fault is read back as gone");
  }

  bool write_reports() {
    bool all = true;
    for (const auto& report : plan_.reports) {
      std::ofstream file(report.path, std::ios::binary);
      file << (report.format == "junit"  ? junit_report(outcome_)
               : report.format == "json" ? json_report(outcome_)
                                         : markdown_report(outcome_));
      file.close();
      if (file) continue;
      say(concat("--report: ", report.path, " cannot be written"));
      all = false;
    }
    return all;
  }

  const Console& console_;
  RunPlan plan_;
  Signals signals_;
  RunSession session_;
  RunOutcome outcome_;
  int signal_ = 0;
};

int run(const Context& context, const RunOptions& given) {
  const auto options = sorted_out(given);
  if (!options) return context.usage(options.error().message);
  auto plan = plan_of(*options, context.console);
  if (!plan && !plan.error().fields.empty()) return context.report(plan.error());
  if (!plan) return context.usage(plan.error().message);
  if (!options->standalone) {
    const auto client = context.client();
    if (!client) return context.usage(client.error().message);
    return Runner(context.console, *client, std::move(*plan)).run();
  }
  auto service = StandaloneService::start(context, options->endpoints);
  if (!service) {
    context.report(service.error());
    return not_as_expected(context.console);
  }
  // The command may want to look, too.
  ::setenv("ENTROPY_HOST", to_string(service->client().address()).c_str(), 1);
  ::setenv("ENTROPY_DATA_DIR", service->folder().c_str(), 1);
  const int code = Runner(context.console, service->client(), std::move(*plan)).run();
  const auto ended = service->stop();
  if (!ended) context.report(ended.error());
  return code == done && !ended ? not_as_expected(context.console) : code;
}

}  // namespace

void add_run_command(Commands& commands) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App& command = commands.add(
      "run", "create policies and wait until they hold; with -- CMD: run it under the faults, roll back, verify",
      "entropy run -f chaos.yaml --standalone --report junit=chaos.xml -- ./test.sh\n"
      "  entropy run -e latency -o delay=200ms -c service=db --for 60s\n\n"
      "Exit code with -- CMD: CMD's own if it is not 0; 125 if nothing matched, a policy never fired or missed what "
      "its\n"
      "`expect` in the file says, or something could not be rolled back; 126, 127 if CMD cannot be run or found.",
      [options](const Context& context) { return run(context, *options); });
  add_file_option(command, "--file", options->files);
  add_list_option(command, "-f", options->files_or_frequency, "--file, or with -e as in create --frequency", "FILE");
  add_policy_options(command, options->policy, "--frequency");
  command.add_option("--for", options->bound, "the faults end after so long; without -- CMD the run does")
      ->type_name("DURATION");
  add_list_option(command, "--report", options->reports, "junit=FILE, json=FILE or markdown=FILE (repeatable)",
                  "FORMAT=FILE");
  command.add_option("--lease", options->lease, "the faults end so long after this program is killed (30s)")
      ->type_name("DURATION");
  command.add_flag("--standalone", options->standalone, "with a service of its own: nothing else need be running");
  add_list_option(command, "--endpoint", options->endpoints, "Docker engines for --standalone (as in manage)",
                  "ENDPOINT");
}

}  // namespace entropy::cli

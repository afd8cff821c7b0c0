// run: policies from options or files, for a while or for as long as a command runs; rolled back, verified, reported.
#include <stdlib.h>

#include <algorithm>
#include <ostream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/child.hpp"
#include "cli/command.hpp"
#include "cli/fields.hpp"
#include "cli/files.hpp"
#include "cli/policy_options.hpp"
#include "cli/report_files.hpp"
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

// The seed alone is for the policies of files, too.
bool describes_one(const PolicyOptions& options) {
  const auto is_given = [](const auto& field) { return field.second && field.first != "seed"; };
  return !options.failure.empty() || !options.params.empty() || !options.labels.empty() ||
         std::ranges::any_of(options.fields, is_given);
}

// -f is a file; with -e it is the frequency, as in create.
Result<RunOptions> sorted_out(RunOptions options) {
  if (options.policy.failure.empty()) {
    options.files.insert(options.files.end(), options.files_or_frequency.begin(), options.files_or_frequency.end());
  } else if (!options.files_or_frequency.empty()) {
    options.policy.fields["frequency"] = options.files_or_frequency.back();
  }
  if (options.policy.stopped)
    return fail(ErrorCode::invalid, "run is for policies that run: create --stopped makes one that `start` starts");
  if (!options.endpoints.empty() && !options.standalone)
    return fail(ErrorCode::invalid, "--endpoint is for --standalone: a service that runs has engines of its own");
  const bool has_selector = options.policy.fields["selector"].has_value();
  if (options.files.empty() && (options.policy.failure.empty() || !has_selector))
    return fail(ErrorCode::invalid, "which policies? --file FILE, or --failure and --criteria as in create");
  if (!options.files.empty() && describes_one(options.policy))
    return fail(ErrorCode::invalid, "either --file (and --seed) or the options of one policy, not both");
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

Result<RunTerms> terms_of(const RunOptions& options, const Console& console) {
  RunTerms terms;
  const auto lease = option_duration("--lease", options.lease);
  if (!lease) return fail(lease.error());
  const bool ends = !console.command.empty() || !options.bound.empty() || options.standalone;
  if (ends) terms.lease = *lease;
  if (!ends && !options.reports.empty())
    return fail(ErrorCode::invalid, "--report needs a run that ends: -- CMD or --for");
  if (options.bound.empty()) return terms;
  const auto bound = option_duration("--for", options.bound);
  if (!bound) return fail(bound.error());
  terms.bound = *bound;
  return terms;
}

std::vector<std::string> lines_of(const Error& error) {
  std::vector<std::string> lines;
  lines.reserve(error.fields.size());
  for (const auto& each : error.fields) lines.push_back(concat(each.field, ": ", each.message));
  return lines.empty() ? std::vector{error.message} : lines;
}

// From the first look to the report.
class Runner {
 public:
  Runner(const Console& console, const Client& client, const RunTerms& terms, ReportFiles& reports)
      : console_(console),
        terms_(terms),
        reports_(reports),
        session_(client, console.err, [this](Duration time) { return interrupted(time); }) {}

  int run(std::vector<RunPolicy> policies) {
    outcome_.command = console_.command;
    outcome_.began = to_rfc3339(SystemClock().now());
    if (!console_.command.empty()) {
      const auto runnable = Child::check(console_.command);
      if (!runnable) return did_not_begin(runnable.error(), code_of(runnable.error()));
    }
    const auto looked = session_.preflight(policies);
    if (!looked) return did_not_begin(looked.error(), not_as_expected(console_));
    auto begun = session_.create(std::move(policies), terms_);
    if (begun && terms_.lease) begun = session_.wait_ready();
    if (begun && !terms_.lease) begun = session_.wait_active();
    if (!begun) return give_up(begun.error());
    if (!terms_.lease) {
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
  void refuse(const Error& error) {
    for (const auto& line : lines_of(error)) {
      say(line);
      outcome_.problems.push_back(line);
    }
  }
  int did_not_begin(const Error& error, int code) {
    refuse(error);
    write_reports();
    return code;
  }

  bool interrupted(Duration time) {
    const auto signal = signals_.wait(std::chrono::ceil<std::chrono::milliseconds>(time));
    if (signal) signal_ = signal->number;
    return signal_ != 0;
  }

  // Before anything has run: what was made is taken back, but for a run that was to stay and was interrupted.
  int give_up(const Error& error) {
    if (signal_ != 0 && !terms_.lease) {
      say("interrupted; the policies stay: entropy ls");
      return 128 + signal_;
    }
    outcome_.left = session_.roll_back();
    if (signal_ == 0) refuse(error);
    if (signal_ != 0) outcome_.problems.emplace_back("interrupted");
    for (const auto& each : outcome_.left) say(each);
    say(outcome_.left.empty() ? "rolled back" : "not rolled back everywhere");
    write_reports();
    return signal_ != 0 ? 128 + signal_ : not_as_expected(console_);
  }

  // Without a command: until --for is over or a signal comes. The exit code so far.
  int hold() {
    if (!terms_.bound) say("Ctrl-C ends it");
    const auto begin = std::chrono::steady_clock::now();
    while (!terms_.bound || std::chrono::steady_clock::now() - begin < *terms_.bound) {
      if (interrupted(100ms)) return 128 + signal_;
      session_.renew();
    }
    return done;
  }

  int run_command() {
    console_.out << std::flush;
    auto child = Child::start(console_.command, signals_);
    if (!child) {
      refuse(child.error());
      return not_executable;
    }
    while (true) {
      const auto signal = signals_.wait(500ms, child->descriptor());
      if (const auto code = child->ended()) {
        outcome_.exit_code = code;
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
        refuse(faults.error());
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
    if (outcome_.ended.empty()) outcome_.ended = to_rfc3339(SystemClock().now());
    const auto written = reports_.write(outcome_);
    if (!written) say(written.error().message);
    return written.has_value();
  }

  const Console& console_;
  RunTerms terms_;
  ReportFiles& reports_;
  Signals signals_;
  RunSession session_;
  RunOutcome outcome_;
  int signal_ = 0;
};

// It does not come to a run: why, on the terminal and in the reports.
int explain(const Context& context, const Error& error, ReportFiles& reports) {
  context.report(error);
  RunOutcome outcome;
  outcome.command = context.console.command;
  outcome.began = outcome.ended = to_rfc3339(SystemClock().now());
  outcome.problems = lines_of(error);
  if (const auto written = reports.write(outcome); !written) context.report(written.error());
  return not_as_expected(context.console);
}

int run_standalone(const Context& context, const RunOptions& options, std::vector<RunPolicy> policies,
                   const RunTerms& terms, ReportFiles& reports) {
  auto service = StandaloneService::start(context, options.endpoints);
  if (!service) return explain(context, service.error(), reports);
  // The command may want to look, too; its token is in that folder, and one for another service would be taken first.
  ::unsetenv("ENTROPY_TOKEN");
  ::unsetenv("ENTROPY_TOKEN_FILE");
  ::setenv("ENTROPY_HOST", to_string(service->client().address()).c_str(), 1);
  ::setenv("ENTROPY_DATA_DIR", service->folder().c_str(), 1);
  const int code = Runner(context.console, service->client(), terms, reports).run(std::move(policies));
  const auto ended = service->stop();
  if (!ended) context.report(ended.error());
  return code == done && !ended ? not_as_expected(context.console) : code;
}

int run(const Context& context, const RunOptions& given) {
  const auto options = sorted_out(given);
  if (!options) return context.usage(options.error().message);
  const auto terms = terms_of(*options, context.console);
  if (!terms) return context.usage(terms.error().message);
  const auto wanted = read_reports(options->reports);
  if (!wanted) return context.usage(wanted.error().message);
  auto policies = policies_of(*options, context.console);
  if (!policies && policies.error().fields.empty()) return context.usage(policies.error().message);
  auto reports = ReportFiles::open(*wanted);
  if (!reports) {
    context.report(reports.error());
    return not_as_expected(context.console);
  }
  if (!policies) return explain(context, policies.error(), *reports);
  if (options->standalone) return run_standalone(context, *options, std::move(*policies), *terms, *reports);
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  return Runner(context.console, *client, *terms, *reports).run(std::move(*policies));
}

}  // namespace

void add_run_command(Commands& commands) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App& command = commands.add(
      "run", "create policies and wait until they hold; with -- CMD: run it under the faults, roll back, verify",
      "entropy run -f chaos.yaml --standalone --report junit=chaos.xml -- ./test.sh\n"
      "  entropy run -e latency -o delay=200ms -c service=db --for 60s\n\n"
      "Exit code with -- CMD: CMD's own if it is not 0; 125 if a file is wrong, nothing matched, a policy never fired\n"
      "or missed what its `expect` in the file says, or something could not be rolled back; 126, 127 if CMD cannot be\n"
      "run or found.",
      [options](const Context& context) { return run(context, *options); });
  add_file_option(command, "--file", options->files);
  add_list_option(command, "-f", options->files_or_frequency, "--file, or with -e as in create --frequency", "FILE");
  add_policy_options(command, options->policy, "--frequency");
  command.get_option("--stopped")->group("");  // known, so that it is refused with a reason
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

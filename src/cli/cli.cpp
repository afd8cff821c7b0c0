#include "cli/cli.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "cli/compose.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

void add_globals(CLI::App& app, Globals& globals, const Program& program) {
  add_list_option(app, "-H,--host", globals.hosts,
                  "where the service is (ENTROPY_HOST), or listens: tcp://HOST:PORT or unix:///PATH", "ADDR");
  app.add_option("--token", globals.token,
                 "the service's token (ENTROPY_TOKEN, else the file of the data directory); better a file: others may "
                 "see command lines")
      ->type_name("TOKEN");
  const auto file_option = [&](const char* name, std::string& file, const char* description) {
    app.add_option(name, file, description)->type_name("FILE");
  };
  file_option("--token-file", globals.token_file, "a file with the token (ENTROPY_TOKEN_FILE)");
  app.add_flag("--tlsverify", globals.tls_verify,
               "TLS, the other side verified (ENTROPY_TLS_VERIFY); manage: clients need a certificate");
  file_option("--tlscacert", globals.tls.ca, "whom to trust (else ca.pem in ENTROPY_CERT_PATH)");
  file_option("--tlscert", globals.tls.cert, "the own certificate (else cert.pem there)");
  file_option("--tlskey", globals.tls.key, "and its key (else key.pem there)");
  app.add_flag("-D,--debug", globals.debug, "say more");
  app.add_option("-l,--log-level", globals.log_level, "trace, debug, info, warn or error")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  app.set_version_flag("-v,--version", concat("entropy ", program.version));
}

std::vector<std::string> option_names(const CLI::App& app, const CLI::App* command) {
  std::vector<std::string> names;
  for (const CLI::App* each : {&app, command}) {
    if (each == nullptr) continue;
    for (const auto* option : each->get_options()) {
      for (const auto& name : option->get_lnames()) names.push_back(concat("--", name));
      for (const auto& name : option->get_snames()) names.push_back(concat("-", name));
    }
  }
  return names;
}

std::string hint(std::string_view word, const std::vector<std::string>& known) {
  if (word.starts_with('-') && !word.starts_with("--")) return "";  // any letter is near any other
  const std::string near = nearest(word, known);
  return near.empty() ? "" : concat(": did you mean ", entropy::quoted(near), "?");
}

// What is wrong with the words that CLI11 could not place; empty if there are none.
std::string complaint(const CLI::App& app, const Commands& commands, const CLI::App* command) {
  const auto left = app.remaining(true);
  if (command == nullptr && left.empty()) return "which command? entropy --help lists them";
  if (left.empty()) return "";
  const std::string_view whole = left.front();
  const std::string_view word = whole.substr(0, whole.find('='));
  if (word.starts_with('-')) return concat("unknown option ", word, hint(word, option_names(app, command)));
  if (command == nullptr)
    return concat("unknown command ", quoted(word), hint(word, commands.names()), " (entropy --help)");
  if (word.size() != whole.size() && command->get_option_no_throw("--param") != nullptr)
    return concat("a parameter stands behind -o: -o ", whole);
  if (command->get_name() == "run") return concat("put -- in front of the command: entropy run ... -- ", whole);
  return concat(command->get_name(), " takes no further argument ", quoted(whole), ": see entropy ",
                command->get_name(), " --help");
}

// --help and --version are answered on `out`; everything else that CLI11 throws is wrong usage.
int answer_parse_error(const CLI::App& app, const CLI::App* command, const CLI::ParseError& error,
                       const Context& context) {
  if (error.get_exit_code() == 0) return app.exit(error, context.console.out, context.console.err);
  const std::string of = command == nullptr ? "" : concat(command->get_name(), " ");
  std::string what = error.what();
  const auto twice = what.find(": At Most 1 required");
  if (twice != std::string::npos) what = concat(what.substr(0, twice), " is given more than once");
  return context.usage(concat(what, " (see entropy ", of, "--help)"));
}

// "help" and "help ls" as people try them.
std::vector<std::string> with_help_as_option(std::vector<std::string> args) {
  if (args.empty() || args.front() != "help") return args;
  args.erase(args.begin());
  args.push_back("--help");
  return args;
}

// As a plugin of the Docker command line, linked as docker-entropy: `docker entropy ls` calls `docker-entropy entropy
// ls`.
std::vector<std::string> without_plugin_name(std::vector<std::string> args) {
  if (!args.empty() && args.front() == "entropy") args.erase(args.begin());
  return args;
}

int print_plugin_metadata(const Context& context) {
  const boost::json::object metadata{{"SchemaVersion", "0.1.0"},
                                     {"Vendor", "Entropy"},
                                     {"Version", context.program.version},
                                     {"ShortDescription", "Make chosen failures happen to containers"}};
  context.console.out << policy::print_json(metadata) << "\n";
  return done;
}

// `run … -- CMD ARG...`: the words behind `--` are the command's own, whatever they look like.
std::vector<std::string> take_command(std::vector<std::string>& args) {
  const auto dashes = std::ranges::find(args, "--");
  if (dashes == args.end() || std::find(args.begin(), dashes, "run") == dashes) return {};
  std::vector<std::string> command(dashes + 1, args.end());
  args.erase(dashes, args.end());
  return command;
}

// `__complete WORD...`: what the completion scripts call.
int print_completion(const CLI::App& app, Context& context, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i] == "-H" || words[i] == "--host") context.globals.hosts = {words[i + 1]};
    if (words[i] == "--token") context.globals.token = words[i + 1];
  }
  for (const auto& each : complete(app, context, words)) {
    context.console.out << concat(each.word, each.description.empty() ? "" : "\t", each.description, "\n");
  }
  return done;
}

// Anybody on the machine may read the command lines of processes.
void hide_token(int argc, char** argv) {
  constexpr std::string_view option = "--token";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    char* secret = nullptr;
    if (word == option && i + 1 < argc) secret = argv[i + 1];
    if (word.starts_with(option) && word.substr(option.size()).starts_with('=')) secret = argv[i] + option.size() + 1;
    if (secret != nullptr) std::memset(secret, 'x', std::strlen(secret));
  }
}

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

int run_cli(const std::vector<std::string>& args, Console& console, const Program& program) {
  Context context{console, program, {}};
  CLI::App app("Makes chosen failures happen to Docker containers, on a schedule, and takes them back.", "entropy");
  app.require_subcommand(0, 1);
  app.allow_extras();
  app.footer(
      "Example:\n  entropy create --failure latency -o delay=200ms --frequency 10 --probability .25 "
      "--criteria service=ping\n\nEvery command has its own --help.");
  Commands commands(app);
  add_globals(app, context.globals, program);
  add_manage_command(commands);
  add_policy_commands(commands);
  add_file_commands(commands);
  add_run_command(commands);
  add_list_commands(commands);
  add_watch_commands(commands);
  add_halt_commands(commands);
  add_lookup_commands(commands);
  add_system_commands(commands);
  add_completion_command(commands);
  add_top_command(commands);
  auto words = with_help_as_option(without_plugin_name(args));
  const std::string first = words.empty() ? "" : words.front();
  const std::vector<std::string> rest(words.empty() ? words.end() : words.begin() + 1, words.end());
  if (first == "__complete") return print_completion(app, context, rest);
  if (first == "compose") return run_compose(context, rest);
  if (first == "docker-cli-plugin-metadata") return print_plugin_metadata(context);
  try {
    console.command = take_command(words);
    std::ranges::reverse(words);  // as CLI11 takes them
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    // An unknown word explains better than the missing one that it was to be, or than the help on everything.
    const bool helps = error.get_exit_code() == 0 && commands.chosen() != nullptr;
    const std::string unknown = helps ? "" : complaint(app, commands, commands.chosen());
    if (!unknown.empty() && !app.remaining(true).empty()) return context.usage(unknown);
    return answer_parse_error(app, commands.chosen(), error, context);
  }
  CLI::App* command = commands.chosen();
  const std::string unknown = complaint(app, commands, command);
  if (!unknown.empty()) return context.usage(unknown);
  return commands.run_of(command)(context);
}

int run_cli(int argc, char** argv, const Program& program) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto env = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const bool interactive = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
  const bool color = ::isatty(STDOUT_FILENO) != 0 && env("NO_COLOR").empty() && env("TERM") != "dumb";
  Console console{std::cout, std::cerr, terminal_width(), env, ::geteuid() == 0, &std::cin, {}, interactive, color};
  const std::vector<std::string> args(argv + 1, argv + argc);
  hide_token(argc, argv);
  const int code = run_cli(args, console, program);
  std::cout.flush();
  if (std::cout.good() || errno == EPIPE) return code;  // a reader that has seen enough is no failure
  std::cerr << concat("entropy: cannot write the output: ", std::strerror(errno), "\n");
  return failed;
}

}  // namespace entropy::cli

#include "cli/completion.hpp"

#include <algorithm>
#include <ostream>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/fields.hpp"
#include "failure/container.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

const Candidate files = {""};

json::array ask(const Context& context, std::string_view target) {
  const auto client = context.client();
  if (!client) return {};
  const auto answer = client->call("GET", target);
  return answer && answer->is_array() ? answer->get_array() : json::array();
}

std::vector<Candidate> names_of(const json::array& list, std::string_view field, std::string_view about) {
  std::vector<Candidate> candidates;
  for (const auto& each : list) candidates.push_back({field_text(each, field), field_text(each, about)});
  return candidates;
}

std::vector<Candidate> words(std::initializer_list<std::string_view> all) {
  std::vector<Candidate> candidates;
  for (const auto word : all) candidates.push_back({std::string(word)});
  return candidates;
}

std::vector<Candidate> policies(const Context& context) {
  return names_of(ask(context, "/v1/policies"), "name", "selector");
}

// "service=db", "@name=web-1": of the containers that are there.
std::vector<Candidate> selectors(const Context& context) {
  std::set<std::string> found;
  for (const auto& target : ask(context, "/v1/targets")) {
    found.insert(concat("@name=", field_text(target, "name")));
    const auto* labels = find_field(target, "labels");
    if (labels == nullptr || !labels->is_object()) continue;
    for (const auto& [key, text] : labels->get_object())
      found.insert(concat(std::string_view(key), "=", field_text(&text)));
  }
  std::vector<Candidate> candidates;
  candidates.reserve(found.size());
  for (const auto& each : found) candidates.push_back({each});
  return candidates;
}

std::vector<Candidate> failures() {
  std::vector<Candidate> candidates;
  for (const auto& kind : failure::every_kind()) candidates.push_back({kind.name, kind.description});
  return candidates;
}

// Of the failure that the words before name.
std::vector<Candidate> parameters(const std::vector<std::string>& before) {
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i + 1 < before.size(); ++i) {
    if (before[i] != "-e" && before[i] != "--failure") continue;
    const auto kind = failure::find_any_kind(before[i + 1]);
    if (!kind) continue;
    for (const auto& each : (*kind)->parameters) {
      if (!each.type.contains('|')) candidates.push_back({concat(each.name, "="), each.description});
      for (const auto word : split(each.type, '|')) {
        if (each.type.contains('|')) candidates.push_back({concat(each.name, "=", word), each.description});
      }
    }
  }
  return candidates;
}

// What the value of an option may be.
std::vector<Candidate> values(const CLI::Option& option, const Context& context,
                              const std::vector<std::string>& before) {
  const auto is = [&](std::string_view name) { return option.check_name(std::string(name)); };
  if (is("--failure")) return failures();
  if (is("--param")) return parameters(before);
  if (is("--criteria") || is("--scope")) return selectors(context);
  if (is("--policy")) return policies(context);
  if (is("--target")) return names_of(ask(context, "/v1/targets"), "name", "endpoint");
  if (is("--log-level")) return words({"trace", "debug", "info", "warn", "error"});
  if (is("--log-format")) return words({"text", "json"});
  if (is("--format")) return words({"table", "json", "{{json .}}"});
  if (is("--report")) return words({"junit=", "json=", "markdown="});
  if (is("--file") || is("-f") || is("--data-dir")) return {files};
  return {};
}

std::vector<Candidate> arguments(const CLI::App& command, const Context& context) {
  const std::string& name = command.get_name();
  const std::set<std::string> of_policies = {"rm", "start", "stop", "inspect", "export"};
  if (of_policies.contains(name)) return policies(context);
  if (name == "match") return selectors(context);
  if (name == "failures") return failures();
  if (name == "logs") return names_of(ask(context, "/v1/injectors"), "name", "state");
  if (name == "completion") return words({"bash", "zsh", "fish"});
  return {};
}

const CLI::Option* find_option(const CLI::App* app, const std::string& word) {
  return app == nullptr || word.size() < 2 || word.front() != '-' ? nullptr : app->get_option_no_throw(word);
}

std::vector<Candidate> options(std::initializer_list<const CLI::App*> apps) {
  std::vector<Candidate> candidates;
  for (const auto* app : apps) {
    if (app == nullptr) continue;
    for (const auto* option : app->get_options()) {
      for (const auto& name : option->get_lnames())
        candidates.push_back({concat("--", name), option->get_description()});
    }
  }
  return candidates;
}

// Hidden ones have no group.
std::vector<const CLI::App*> shown_commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

std::vector<Candidate> commands(const CLI::App& app) {
  std::vector<Candidate> candidates;
  for (const auto* each : shown_commands(app)) candidates.push_back({each->get_name(), each->get_description()});
  return candidates;
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  const auto all = shown_commands(app);
  const auto found = std::ranges::find(all, name, [](const CLI::App* each) { return each->get_name(); });
  return found == all.end() ? nullptr : *found;
}

}  // namespace

std::vector<Candidate> complete(const CLI::App& app, const Context& context, const std::vector<std::string>& given) {
  const CLI::App* command = nullptr;
  const CLI::Option* wants_value = nullptr;
  const std::string typed = given.empty() ? "" : given.back();
  const std::vector<std::string> before(given.begin(), given.empty() ? given.end() : given.end() - 1);
  for (const auto& word : before) {
    if (word == "--") return {files};
    if (std::exchange(wants_value, nullptr) != nullptr) continue;
    const auto* option = find_option(command, word);
    if (option == nullptr) option = find_option(&app, word);
    if (option != nullptr && option->get_items_expected_min() > 0) wants_value = option;
    if (option == nullptr && command == nullptr) command = find_command(app, word);
  }
  std::vector<Candidate> all = wants_value != nullptr   ? values(*wants_value, context, before)
                               : typed.starts_with('-') ? options({command, &app})
                               : command == nullptr     ? commands(app)
                                                        : arguments(*command, context);
  std::erase_if(all, [&](const Candidate& each) { return !each.word.empty() && !each.word.starts_with(typed); });
  return all;
}

namespace {

// Bash splits words at = and :, so they are put together again, and what is in front of the last one is cut off.
constexpr std::string_view bash_script = R"(# entropy completion bash: . <(entropy completion bash)
_entropy() {
  local line=${COMP_LINE:0:COMP_POINT} word candidate
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=${words[-1]}
  local cut=${word%"${word##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\t' read -r candidate _; do
    if [[ -z $candidate ]]; then
      compopt -o default
      continue
    fi
    [[ $candidate == *= ]] && compopt -o nospace
    COMPREPLY+=("${candidate#"$cut"}")
  done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _entropy entropy
)";

constexpr std::string_view zsh_script = R"(#compdef entropy
# entropy completion zsh: . <(entropy completion zsh)
_entropy() {
  local line
  local -a candidates unfinished
  while IFS= read -r line; do
    local word=${line%%$'\t'*} entry="${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}"
    if [[ -z $line ]]; then
      _files
    elif [[ $word == *= ]]; then
      unfinished+=("$entry")
    else
      candidates+=("$entry")
    fi
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#candidates )) && _describe entropy candidates
  (( $#unfinished )) && _describe entropy unfinished -S ''
}
compdef _entropy entropy
)";

constexpr std::string_view fish_script = R"(# entropy completion fish: entropy completion fish | source
function __entropy_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        if test -z "$line"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c entropy -f -a '(__entropy_complete)'
)";

}  // namespace

std::string_view completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script;
  if (shell == "zsh") return zsh_script;
  if (shell == "fish") return fish_script;
  return {};
}

void add_completion_command(Commands& commands) {
  const auto shell = std::make_shared<std::string>();
  CLI::App& command = commands.add("completion", "print the completion script for bash, zsh or fish",
                                   ". <(entropy completion bash)", [shell](const Context& context) {
                                     context.console.out << completion_script(*shell);
                                     return done;
                                   });
  command.add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace entropy::cli

// apply, export, schema.
#include <map>
#include <ostream>
#include <utility>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/changes.hpp"
#include "cli/command.hpp"
#include "cli/fields.hpp"
#include "cli/files.hpp"
#include "policy/policy_schema.hpp"
#include "policy/yaml_text.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

struct ApplyOptions {
  std::vector<std::string> files;
  ApplyTerms terms;
  bool dry_run = false;
};

std::string_view past_of(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::create:
      return "created";
    case Change::Kind::update:
      return "updated";
    case Change::Kind::remove:
      return "removed";
    case Change::Kind::none:
      return "unchanged";
  }
  return "";
}

std::string difference_line(const Difference& each) {
  if (each.before.empty()) return concat("    + ", each.field, ": ", each.after, "\n");
  if (each.after.empty()) return concat("    - ", each.field, ": ", each.before, "\n");
  return concat("    ~ ", each.field, ": ", each.before, " -> ", each.after, "\n");
}

void print_plan(std::ostream& out, const std::vector<Change>& changes) {
  for (const auto& change : changes) {
    const bool kept = change.kind == Change::Kind::none;
    out << concat(change.name, kept ? " " : " would be ", past_of(change.kind), "\n");
    for (const auto& each : change.differences) out << difference_line(each);
    if (change.begins_anew) out << "    its windows would begin anew\n";
    if (!change.joins.empty())
      out << concat("    it is not of these files: it would be one of the set ", change.joins,
                    ", which --prune may remove\n");
  }
}

std::string summary(const Change& change) {
  std::string text = concat(change.name, " ", past_of(change.kind));
  if (change.kind != Change::Kind::update) return text;
  std::vector<std::string> fields;
  fields.reserve(change.differences.size());
  for (const auto& each : change.differences) fields.push_back(each.field);
  append(text, concat(" (", join(fields, ", "), change.begins_anew ? "; its windows begin anew" : ""));
  if (!change.joins.empty()) append(text, concat("; not of these files before, now of the set ", change.joins));
  return text + ")";
}

Result<> carry_out(const Client& client, const Change& change) {
  const std::string path = concat("/v1/policies/", percent_encode(change.name));
  Result<json::value> answer;
  // Somebody else's change in between is not overwritten.
  const std::string revision = concat("\"", change.revision, "\"");
  if (change.kind == Change::Kind::create) answer = client.call("POST", "/v1/policies", change.body);
  if (change.kind == Change::Kind::update) answer = client.call("PUT", path, change.body, revision);
  if (change.kind == Change::Kind::remove) answer = client.call("DELETE", path, nullptr, revision);
  if (!answer) return fail(context(change.name, answer.error()));
  return {};
}

int apply(const Context& context, const ApplyOptions& options) {
  const auto policies = read_policy_files(options.files, context.console);
  if (!policies) return context.report(policies.error());
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  const auto current = client->call("GET", "/v1/policies");
  if (!current) return context.report(current.error());
  const auto changes = plan_changes(*current, *policies, options.terms);
  if (!changes) return context.report(changes.error());
  if (options.dry_run) {
    print_plan(context.console.out, *changes);
    return done;
  }
  int code = done;
  for (const auto& change : *changes) {
    const auto carried_out = carry_out(*client, change);
    if (carried_out) {
      context.console.out << summary(change) << "\n" << std::flush;
    } else {
      code = context.report(carried_out.error());
    }
  }
  return code;
}

void add_apply(Commands& commands) {
  const auto options = std::make_shared<ApplyOptions>();
  CLI::App& command =
      commands.add("apply", "make the service's policies those of files (YAML or JSON); prints what changed",
                   "entropy apply -f chaos.yaml --prune --dry-run",
                   [options](const Context& context) { return apply(context, *options); });
  add_file_option(command, "-f,--file", options->files);
  command.get_option("--file")->required();
  command.add_flag(
      "--prune", options->terms.prune,
      "also remove what an earlier apply of the same set has made and the files no longer have; the set is "
      "`name:` in the file. What create or run have made is never pruned");
  command.add_flag("--take-over", options->terms.take_over,
                   "also change policies that are of another set; those made by hand are taken without it");
  command.add_flag("--dry-run", options->dry_run, "only show what would change");
}

bool is_of_a_run(const policy::Policy& policy) { return policy.labels.contains(std::string(run_label)); }

// One for each set, so that `apply --prune` of them changes nothing. What was made by hand is of the default set then.
std::vector<json::object> documents_of(std::vector<policy::Policy> policies) {
  std::map<std::string, std::vector<policy::Policy>> sets;
  for (auto& each : policies) {
    const std::string set = set_of(each);
    each.labels.erase(std::string(set_label));
    sets[set.empty() ? std::string(policy::default_set) : set].push_back(std::move(each));
  }
  std::vector<json::object> documents;
  documents.reserve(sets.size());
  for (const auto& [set, members] : sets) documents.push_back(policy::to_document(set, members));
  return documents;
}

int export_policies(const Context& context, const std::vector<std::string>& names, bool as_json) {
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  const auto answers = client->call("GET", "/v1/policies");
  if (!answers) return context.report(answers.error());
  std::map<std::string, policy::Policy> known;
  for (const auto& each : answers->is_array() ? answers->get_array() : json::array()) {
    auto draft = policy_of(each);
    if (!draft) return context.report(entropy::context("the service's policy", draft.error()));
    known.emplace(draft->policy.name, std::move(draft->policy));
  }
  std::vector<policy::Policy> chosen;
  for (const auto& name : names) {
    if (!known.contains(name))
      return context.report({ErrorCode::not_found, concat("no policy named ", entropy::quoted(name), ": entropy ls")});
    chosen.push_back(known.at(name));
  }
  for (const auto& [name, policy] : known) {
    if (names.empty() && !is_of_a_run(policy)) chosen.push_back(policy);
  }
  if (chosen.empty()) return context.report({ErrorCode::not_found, "there is no policy to export"});
  for (bool first = true; const auto& document : documents_of(std::move(chosen))) {
    if (as_json) {
      context.console.out << policy::print_json(document, policy::JsonStyle::indented) << "\n";
    } else {
      context.console.out << (std::exchange(first, false) ? "" : "---\n") << policy::print_yaml(document);
    }
  }
  return done;
}

void add_export(Commands& commands) {
  struct Given {
    std::vector<std::string> names;
    std::string format = "yaml";
  };
  const auto given = std::make_shared<Given>();
  CLI::App& command = commands.add(
      "export", "print policies as a file that apply and run take", "entropy export > chaos.yaml",
      [given](const Context& context) { return export_policies(context, given->names, given->format == "json"); });
  command.add_option("NAME", given->names, "policies; without one all but those of a run");
  command.add_option("--format", given->format, "yaml or json")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"yaml", "json"}));
}

}  // namespace

void add_file_option(CLI::App& command, const std::string& flags, std::vector<std::string>& files) {
  add_list_option(command, flags, files, "a file, a directory of them, or - for standard input (repeatable)", "FILE");
}

void add_file_commands(Commands& commands) {
  add_apply(commands);
  add_export(commands);
  commands.add("schema", "print the JSON Schema of policy files, for editors", "entropy schema > entropy.schema.json",
               [](const Context& context) {
                 context.console.out << policy::print_json(policy::policy_file_schema(), policy::JsonStyle::indented)
                                     << "\n";
                 return done;
               });
}

}  // namespace entropy::cli

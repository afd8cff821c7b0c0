// match, failures.
#include <algorithm>
#include <ostream>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/fields.hpp"
#include "cli/listing.hpp"
#include "cli/policy_options.hpp"
#include "failure/container.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

bool is_matched(const json::value& target) { return field_text(target, "matched") == "true"; }

// Matched ones first; with -q they alone.
json::array in_order(const json::value& targets, bool matched_alone) {
  json::array sorted;
  for (const bool wanted : {true, false}) {
    if (!targets.is_array() || (matched_alone && !wanted)) continue;
    for (const auto& target : targets.get_array()) {
      if (is_matched(target) == wanted) sorted.push_back(target);
    }
  }
  return sorted;
}

// Custom images may have failures of any name, so one that is not built in is no error.
void note_unknown(const Context& context, const std::vector<std::string>& given) {
  std::vector<std::string> known;
  for (const auto& kind : failure::every_kind()) known.push_back(kind.name);
  for (const auto& name : failure::names_in(join(given, ","))) {
    if (failure::find_any_kind(name)) continue;
    context.console.err << concat("entropy: no failure ", entropy::quoted(name), " is built in",
                                  did_you_mean(name, known), " (a custom image may have it)\n");
  }
}

void add_match(Commands& commands) {
  struct Given {
    std::string selector;
    std::vector<std::string> failures;
    ListOptions list;
  };
  const auto given = std::make_shared<Given>();
  CLI::App& command =
      commands.add("match", "show which containers a selector selects, and why not the others; touches nothing",
                   "entropy match 'service=web,tier notin (gold)'", [given](const Context& context) {
                     Query query{{"selector", given->selector}};
                     if (!given->failures.empty()) query.emplace_back("failure", join(given->failures, ","));
                     note_unknown(context, given->failures);
                     const std::string path = concat("/v1/targets", print_query(query));
                     const bool no_trunc = given->list.no_trunc;
                     const Layout layout{{{"CONTAINER ID"},
                                          {"NAME", true},
                                          {"SERVICE", true},
                                          {"ENDPOINT", true},
                                          {"MATCHED"},
                                          {"REASON", true, true}},
                                         [no_trunc](const json::value& target) {
                                           return Row{short_id(field_text(target, "id"), no_trunc),
                                                      field_text(target, "name"),
                                                      field_text(target, "service"),
                                                      field_text(target, "endpoint"),
                                                      is_matched(target) ? "yes" : "no",
                                                      field_text(target, "reason")};
                                         },
                                         [](const json::value& target) { return field_text(target, "name"); }};
                     return context.call("GET", path, nullptr, [&](const json::value& targets) {
                       return print_list(context, in_order(targets, given->list.quiet), given->list, layout);
                     });
                   });
  command.add_option("SELECTOR", given->selector, "as in create --criteria")->required();
  add_list_option(command, "-e,--failure", given->failures,
                  "only those that allow this failure, by their label entropy.allow (repeatable)", "NAME");
  add_list_options(command, given->list);
}

void print_failure(std::ostream& out, const json::value& kind) {
  const std::string aliases = field_text(kind, "aliases");
  const std::string image = field_text(kind, "image");
  out << concat(field_text(kind, "name"), "  ", field_text(kind, "description"),
                aliases.empty() ? "" : concat(" (also: ", aliases, ")"),
                image.empty() ? "" : concat(" (of --image ", image, ")"), "\n");
  std::vector<Row> rows;
  const auto* parameters = find_field(kind, "parameters");
  if (parameters == nullptr || !parameters->is_array()) return;
  for (const auto& each : parameters->get_array()) {
    const bool required = field_text(each, "required") == "true";
    rows.push_back({concat("  ", field_text(each, "name")), field_text(each, "type"),
                    required ? "(required)" : field_text(each, "default"), field_text(each, "description")});
  }
  out << format_table({{"  PARAMETER"}, {"TYPE"}, {"DEFAULT"}, {"DESCRIPTION"}}, rows, 0);
}

// All of them, or those of these names or aliases.
Result<json::array> chosen_failures(const json::value& kinds, const std::vector<std::string>& names) {
  if (!kinds.is_array()) return fail(ErrorCode::protocol, "the service does not answer with a list");
  if (names.empty()) return kinds.get_array();
  json::array chosen;
  std::vector<std::string> known;
  for (const auto& kind : kinds.get_array()) known.push_back(field_text(kind, "name"));
  for (const auto& name : names) {
    const std::size_t before = chosen.size();
    for (const auto& kind : kinds.get_array()) {
      const auto aliases = field_text(kind, "aliases");
      if (field_text(kind, "name") == name || std::ranges::count(split(aliases, ','), name) != 0)
        chosen.push_back(kind);
    }
    if (chosen.size() == before)
      return fail(ErrorCode::not_found,
                  concat("no failure is named ", entropy::quoted(name), did_you_mean(name, known)));
  }
  return chosen;
}

void add_failures(Commands& commands) {
  struct Given {
    std::vector<std::string> names;
    ListOptions list;
  };
  const auto given = std::make_shared<Given>();
  CLI::App& command = commands.add(
      "failures", "list the failures with their parameters, and those that custom images on the engines offer",
      "entropy failures latency", [given](const Context& context) {
        return context.call("GET", "/v1/failures", nullptr, [&](const json::value& kinds) {
          const auto chosen = chosen_failures(kinds, given->names);
          if (!chosen) return context.report(chosen.error());
          if (given->list.format != "table" || given->list.quiet) {
            return print_list(context, *chosen, given->list,
                              {{}, {}, [](const json::value& kind) { return field_text(kind, "name"); }});
          }
          for (bool first = true; const auto& kind : *chosen) {
            context.console.out << (std::exchange(first, false) ? "" : "\n");
            print_failure(context.console.out, kind);
          }
          return done;
        });
      });
  command.add_option("NAME", given->names, "these alone");
  command.add_flag("-q,--quiet", given->list.quiet, "names alone");
  add_format_option(command, given->list.format);
}

void print_trial(std::ostream& out, const json::value& trial) {
  const auto* rules = find_field(trial, "rules");
  if (rules == nullptr || !rules->is_array()) return;
  for (const auto& rule : rules->get_array()) {
    const std::string verdict = field_text(rule, "verdict");
    const std::string message = field_text(rule, "message");
    out << concat(verdict == "pass"   ? "  ok    "
                  : verdict == "note" ? "  note  "
                                      : "  FAIL  ",
                  field_text(rule, "rule"), message.empty() ? "" : ": ", message, "\n");
  }
}

void add_injector_test(Commands& commands) {
  struct Given {
    std::string image;
    std::string failure;
    std::vector<std::string> params;
    std::string endpoint;
    std::string format = "text";
  };
  const auto given = std::make_shared<Given>();
  CLI::App& command = commands.add(
      "injector-test", "run a custom injector image against a throw-away target and say what it does right and wrong",
      "entropy injector-test team/injector:2 -e small-mtu -o bytes=600", [given](const Context& context) {
        auto params = pairs(given->params, "-o", "mtu=600");
        if (!params) return context.usage(params.error().message);
        if (given->failure.empty() && !params->empty())
          return context.usage("-o needs -e: the parameters of which failure?");
        json::object body{{"image", given->image}};
        if (!given->failure.empty()) body["failure"] = json::object{{given->failure, std::move(*params)}};
        if (!given->endpoint.empty()) body["endpoint"] = given->endpoint;
        return context.call("POST", "/v1/injectors:test", body, [&](const json::value& trial) {
          if (given->format != "text") {
            return print_list(context, json::array{trial}, {.format = given->format, .filters = {}}, {});
          }
          const std::string failure = field_text(trial, "failure");
          context.console.out << concat(given->image, failure.empty() ? "" : ", ", failure, "\n");
          print_trial(context.console.out, trial);
          if (field_text(trial, "passed") == "true") return done;
          return context.report({ErrorCode::invalid, "the image breaks rules: see the lines with FAIL"});
        });
      });
  command.add_option("IMAGE", given->image, "the image")->required();
  command.add_option("-e,--failure", given->failure, "which failure of it (the first of its label entropy.failures)")
      ->type_name("NAME");
  add_list_option(command, "-o,--param", given->params, "a parameter of the failure (repeatable)", "KEY=VALUE");
  command.add_option("--endpoint", given->endpoint, "on which engine (the first that is up)")->type_name("ENDPOINT");
  add_format_option(command, given->format);
}

}  // namespace

void add_lookup_commands(Commands& commands) {
  add_injector_test(commands);
  add_match(commands);
  add_failures(commands);
}

}  // namespace entropy::cli
